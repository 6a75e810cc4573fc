package engine

// PodRules are the rules of a workload's pods about the pods beside them that kube-scheduler's filters enforce: required affinity
// and anti-affinity, and topology spread constraints that say DoNotSchedule. Selectors are resolved: they are the pods that they
// select. What is only preferred is in Workload.PreferredSpread. Domains are of one cluster: the same value in two clusters is two
// domains.
type PodRules struct {
	// Apart are the terms of anti-affinity. Like in Kubernetes they hold both ways: what one selects keeps away from its owner.
	Apart []PodTerm
	// Together are the terms of affinity; nil where there are none.
	Together *PodAffinity
	// Spread are the topology spread constraints.
	Spread []PodSpread
}

// PodTerm is a term of anti-affinity: no pod that it selects is in the same domain as a replica.
type PodTerm struct {
	// TopologyKey is the label of nodes whose values are the domains. On nodes without it the term says nothing.
	TopologyKey string
	// Selector in words, for messages.
	Selector string
	// Owner is whose term it is, as "Pod shop/db-0", where that is a pod that the plan does not decide on: the workload keeps away
	// from such pods, which are the Others. Empty for the workload's own.
	Owner string
	PodSet
}

// PodAffinity is all terms of affinity of a workload: in the domain of each key is a pod that all the terms select. Where no
// such pod is anywhere in the cluster, a replica that the terms select itself may be the first.
type PodAffinity struct {
	// TopologyKeys are the labels of nodes whose values are the domains. Nodes without one of them hold no replica.
	TopologyKeys []string
	// Selector in words, for messages.
	Selector string
	// Volume is the claim of a volume or of devices that they share, and that is settled with the first of them, where no rule of theirs
	// says so: "claim data".
	Volume string
	PodSet
}

// PodSpread is a topology spread constraint: a domain with a replica has at most MaxSkew more pods that it selects than the
// domain that has fewest.
type PodSpread struct {
	// TopologyKey is the label of nodes whose values are the domains. Nodes without it hold no replica.
	TopologyKey string
	MaxSkew     int
	// MinDomains is below how many domains the fewest pods are taken to be none; 0 counts as 1.
	MinDomains int
	// IgnoreNodeAffinity counts nodes that the replicas' node selector and affinity exclude; HonorTaints does not count those
	// with taints that they do not tolerate.
	IgnoreNodeAffinity, HonorTaints bool
	// Selector in words, for messages.
	Selector string
	PodSet
}

// PodSet is pods that a selector selects.
type PodSet struct {
	// Workloads of the snapshot, by index, sorted, the owner's own included where it selects its own pods. Rules that select
	// the same should share the list.
	Workloads []int
	// Others are pods that the plan does not decide on.
	Others []PodsAt
}

// PodsAt is a number of pods on a node of a pool; Node is -1 for nodes of the pool that must not be used.
type PodsAt struct{ Pool, Node, Pods int }

// HostPort is a port of a node that a pod has for itself.
type HostPort struct {
	// Protocol is TCP, UDP or SCTP.
	Protocol string
	// Address of the node that the port is bound to; empty for all of them.
	Address string
	Number  int32
}
