package check

import (
	"fmt"
	"time"

	"tradewind.dev/tradewind/test/chaos/history"
)

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

const web = "Deployment shop/web"

// tale is a history under construction.
type tale struct {
	events []history.Event
	now    time.Time
	nodes  map[string]history.Node
	pods   map[string]history.Pod
	rules  map[string]history.Rules
}

// begin is a cluster of two nodes of aws in Ireland, one of gcp in Belgium, one in the US, and a workload with two replicas
// that must be in Ireland or Belgium, fails over, and moves for money, one replica at a time. It has been so for a minute.
func begin() *tale {
	t := &tale{now: noon, nodes: map[string]history.Node{}, pods: map[string]history.Pod{}, rules: map[string]history.Rules{}}
	t.add(history.Event{Times: &history.Times{Unreachable: 10 * time.Second, Lease: 8 * time.Second}})
	for _, n := range []history.Node{
		{Name: "aws-1", Cloud: "aws", Region: "eu-west-1", Zone: "a", Country: "IE"},
		{Name: "aws-2", Cloud: "aws", Region: "eu-west-1", Zone: "b", Country: "IE"},
		{Name: "gcp-1", Cloud: "gcp", Region: "europe-west1", Zone: "b", Country: "BE"},
		{Name: "us-1", Cloud: "azure", Region: "eastus", Zone: "1", Country: "US"},
	} {
		n.State, n.Takes, n.InstanceType = history.Alive, true, "large"
		t.node(n)
	}
	t.ruled(history.Rules{Workload: web, Replicas: 2, Countries: []string{"IE", "BE"}, Failover: true, Failback: true, Rebalance: true,
		MaxUnavailable: 1, Stays: time.Minute})
	t.after(60)
	t.bind("web-1", "aws-1").bind("web-2", "aws-2").plan("u", 2, "gcp europe-west1 large", 2)
	return t.after(60)
}

func (t *tale) add(e history.Event) *tale {
	e.Time = t.now
	t.events = append(t.events, e)
	return t
}

// after lets seconds go by.
func (t *tale) after(seconds float64) *tale {
	t.now = t.now.Add(time.Duration(seconds * float64(time.Second)))
	return t
}

func (t *tale) node(n history.Node) *tale {
	t.nodes[n.Name] = n
	return t.add(history.Event{Node: &n})
}

func (t *tale) state(state history.State, names ...string) *tale {
	for _, name := range names {
		n := t.nodes[name]
		n.State = state
		t.node(n)
	}
	return t
}

func (t *tale) ruled(r history.Rules) *tale {
	t.rules[r.Workload] = r
	return t.add(history.Event{Rules: &r})
}

// without changes the rules of web.
func (t *tale) without(change func(*history.Rules)) *tale {
	r := t.rules[web]
	change(&r)
	return t.ruled(r)
}

// bind makes a pod of web that is bound and ready at once.
func (t *tale) bind(name, node string) *tale {
	p := history.Pod{UID: name, Namespace: "shop", Name: name, Workload: web, Node: node, Ready: true}
	t.pods[name] = p
	return t.add(history.Event{Pod: &p})
}

// wait makes a pod of web that has no node.
func (t *tale) wait(name string) *tale {
	return t.add(history.Event{Pod: &history.Pod{UID: name, Namespace: "shop", Name: name, Workload: web}})
}

func (t *tale) gone(name string) *tale {
	p := t.pods[name]
	p.Gone, p.Ready = true, false
	return t.add(history.Event{Pod: &p})
}

func (t *tale) write(program, verb, resource, name string, code int) *tale {
	return t.add(history.Event{Write: &history.Write{Program: program, Verb: verb, Resource: resource, Namespace: "shop",
		Name: name, Code: code}})
}

// deletes lets the controller delete a pod.
func (t *tale) deletes(name string) *tale {
	return t.write("tradewind-controller-1", "delete", "pods", name, 200)
}

// evicts lets the controller evict a pod.
func (t *tale) evicts(name string) *tale {
	return t.write("tradewind-controller-1", "create", "pods/eviction", name, 201).after(0.1).gone(name)
}

func (t *tale) plan(uid string, replicas int, decisions ...any) *tale {
	p := history.Plan{Workload: web, UID: uid, Replicas: replicas, Decisions: map[string]int{}}
	for i := 0; i < len(decisions); i += 2 {
		p.Decisions[fmt.Sprint(decisions[i])] = decisions[i+1].(int)
	}
	return t.add(history.Event{Plan: &p})
}

func (t *tale) fence(node string) *tale {
	return t.add(history.Event{Fence: &history.Fence{Node: node, On: true}})
}

func (t *tale) run(identity, uid, node string, on bool) *tale {
	return t.add(history.Event{Run: &history.Run{Identity: identity, UID: uid, Node: node, On: on}})
}

func (t *tale) trouble(program string, on bool) *tale {
	return t.add(history.Event{Trouble: &history.Trouble{Program: program, On: on, Deaf: true}})
}

// spoilt is a trouble of a program's requests.
func (t *tale) spoilt(program string, on bool) *tale {
	return t.add(history.Event{Trouble: &history.Trouble{Program: program, On: on}})
}

func (t *tale) quiet(settled bool, waiting ...string) *tale {
	return t.add(history.Event{Quiet: &history.Quiet{Settled: settled, Waiting: waiting, Seconds: 60}})
}

func (t *tale) usage(megabytes int64, files, goroutines int) *tale {
	return t.add(history.Event{Usage: &history.Usage{Program: "tradewind-scheduler", ResidentBytes: megabytes << 20,
		Files: files, Goroutines: goroutines}})
}
