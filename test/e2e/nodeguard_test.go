package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// atSea is a node of each of two clouds whose provider id does not prove where it is, in the United States.
const atSea = `
pools:
- {name: virginia, cloud: azure, region: eastus, zones: ["1"], instanceType: Standard_D4s_v5}
- {name: ashburn, cloud: hetzner, region: ash, instanceType: cpx31, cpu: 4, memory: 8Gi}
`

// onlyNode is the one node of a pool.
func (e *env) onlyNode(pool string) *corev1.Node {
	e.Helper()
	found := e.cluster.NodesOf(e.T, pool)
	if len(found) != 1 {
		e.Fatalf("pool %s has %d nodes, want 1", pool, len(found))
	}
	return &found[0]
}

// as is a client of somebody else than the administrator.
func (e *env) as(user string, groups ...string) kubernetes.Interface {
	e.Helper()
	client, err := kubernetes.NewForConfig(e.cluster.ConfigFor(e.T, user, groups...))
	if err != nil {
		e.Fatal(err)
	}
	return client
}

// asNode is a client with the identity that the kubelet of a node has.
func (e *env) asNode(name string) kubernetes.Interface {
	e.Helper()
	return e.as("system:node:"+name, "system:nodes")
}

// mayChangeNodes gives a service account of kube-system rights on nodes, and returns a client of it.
func (e *env) mayChangeNodes(account string, resources ...string) kubernetes.Interface {
	e.Helper()
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: account},
		Rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: resources, Verbs: []string{"patch"}}}}
	if _, err := e.client.RbacV1().ClusterRoles().Create(e.Context(), role, metav1.CreateOptions{}); err != nil {
		e.Fatal(err)
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: account},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: account},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: "kube-system", Name: account}},
	}
	if _, err := e.client.RbacV1().ClusterRoleBindings().Create(e.Context(), binding, metav1.CreateOptions{}); err != nil {
		e.Fatal(err)
	}
	return e.as("system:serviceaccount:kube-system:" + account)
}

func patchNodeAs(ctx context.Context, client kubernetes.Interface, name, patch string, subresources ...string) error {
	kind := types.StrategicMergePatchType
	if strings.HasPrefix(patch, "[") {
		kind = types.JSONPatchType
	}
	_, err := client.CoreV1().Nodes().Patch(ctx, name, kind, []byte(patch), metav1.PatchOptions{}, subresources...)
	return err
}

// refusedBy fails the test unless the API server refused a request because of an admission policy.
func (e *env) refusedBy(policy, what string, err error) {
	e.Helper()
	switch {
	case err == nil:
		e.Errorf("%s: let through", what)
	case !apierrors.IsInvalid(err) && !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), policy):
		e.Errorf("%s: not refused by %s, but: %v", what, policy, err)
	}
}

// guarded waits until the API server knows the guard, which it reads anew every second.
func (e *env) guarded(node string) {
	e.Helper()
	kubelet := e.asNode(node)
	e.wait("the API server to know tradewind-node-locations", func(ctx context.Context) error {
		_, err := kubelet.CoreV1().Nodes().
			Patch(ctx, node, types.MergePatchType, []byte(`{"metadata":{"labels":{"tradewind.dev/country":"AQ"}}}`),
				metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}})
		if err == nil || !strings.Contains(err.Error(), "tradewind-node-locations") {
			return fmt.Errorf("it answers %w", err)
		}
		return nil
	})
}

// TestNodesStayWhereTheyAre has nodes that were taken over say that they are in Europe, in every way that their kubelet's
// identity allows. None is believed, and no pod under a European rule runs there.
func TestNodesStayWhereTheyAre(t *testing.T) {
	e := newMovingEnv(t, atSea)
	e.policy("web", "residency: {jurisdictions: [EU]}")
	e.guarded(e.onlyNode("ashburn").Name)
	for pool, claim := range map[string]struct{ region, zone string }{
		"virginia": {"westeurope", "westeurope-1"}, "ashburn": {"fsn1", "fsn1-dc14"},
	} {
		node := e.onlyNode(pool)
		kubelet := e.asNode(node.Name)
		labels := func(pairs string) string { return `{"metadata":{"labels":{` + pairs + `}}}` }
		moved := fmt.Sprintf(`"topology.kubernetes.io/region":%q,"topology.kubernetes.io/zone":%q`, claim.region, claim.zone)
		for what, patch := range map[string]string{
			"region and zone": labels(moved),
			"region alone":    labels(fmt.Sprintf(`"topology.kubernetes.io/region":%q`, claim.region)),
			"region removed":  labels(`"topology.kubernetes.io/region":null`),
			"region and zone anew": fmt.Sprintf(`[{"op":"remove","path":"/metadata/labels/topology.kubernetes.io~1region"},{"op":"add","path":"/metadata/labels/topology.kubernetes.io~1region","value":%q}]`,
				claim.region),
			"all labels removed":      labels(`"topology.kubernetes.io/region":null,"topology.kubernetes.io/zone":null,"node.kubernetes.io/instance-type":null,"tradewind.dev/cloud":null`),
			"deprecated labels":       labels(`"failure-domain.beta.kubernetes.io/region":"` + claim.region + `"`),
			"instance type":           labels(`"node.kubernetes.io/instance-type":"t3.nano"`),
			"capacity type":           labels(`"karpenter.sh/capacity-type":"spot"`),
			"capacity type of AKS":    labels(`"kubernetes.azure.com/scalesetpriority":"spot"`),
			"country":                 labels(`"tradewind.dev/country":"DE"`),
			"operator":                labels(`"tradewind.dev/operator-country":"DE"`),
			"another cloud":           labels(`"tradewind.dev/cloud":"ovh"`),
			"a label of a prefix":     labels(`"k8s.scaleway.com/pool-name":"p"`),
			"coordinates":             `{"metadata":{"annotations":{"tradewind.dev/coordinates":"50.1,8.7"}}}`,
			"a label and a heartbeat": `{"metadata":{"labels":{` + moved + `}},"status":{"conditions":[{"type":"Ready","status":"True"}]}}`,
		} {
			e.refusedBy("tradewind-node-locations", pool+": "+what, patchNodeAs(t.Context(), kubelet, node.Name, patch))
			e.refusedBy("tradewind-node-locations", pool+": "+what+", with the status",
				patchNodeAs(t.Context(), kubelet, node.Name, patch, "status"))
		}
		// What the API server itself refuses: another provider id, and deleting the Node so as to register elsewhere.
		if err := patchNodeAs(t.Context(), kubelet, node.Name, `{"spec":{"providerID":"hcloud://1"}}`); err == nil {
			t.Errorf("%s: another provider id let through", pool)
		}
		if err := kubelet.CoreV1().Nodes().Delete(t.Context(), node.Name, metav1.DeleteOptions{}); !apierrors.IsForbidden(err) {
			t.Errorf("%s: deletes its own Node: %v", pool, err)
		}
		if _, err := kubelet.CoreV1().Nodes().
			Create(t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: node.Name}},
				metav1.CreateOptions{}); !apierrors.IsAlreadyExists(err) {
			t.Errorf("%s: registers anew: %v", pool, err)
		}
	}
	e.pod("web")
	e.waits("web", "0/2 nodes: 2 outside residency EU")
}

// TestKubeletsWork has what kubelets, cloud controllers and agents do to nodes, which the guard must let through.
func TestKubeletsWork(t *testing.T) {
	e := newMovingEnv(t, atSea)
	ctx := t.Context()
	name := e.onlyNode("ashburn").Name
	e.guarded(name)
	kubelet := e.asNode(name)
	for what, patch := range map[string]string{
		"the same labels again":   `{"metadata":{"labels":{"topology.kubernetes.io/region":"ash","node.kubernetes.io/instance-type":"cpx31"}}}`,
		"a label of its driver":   `{"metadata":{"labels":{"csi.hetzner.cloud/location":"ash"}}}`,
		"a label of its own":      `{"metadata":{"labels":{"example.com/rack":"4"}}}`,
		"an annotation":           `{"metadata":{"annotations":{"volumes.kubernetes.io/controller-managed-attach-detach":"true"}}}`,
		"a condition":             `{"status":{"conditions":[{"type":"DiskPressure","status":"False"}]}}`,
		"the driver's label gone": `{"metadata":{"labels":{"csi.hetzner.cloud/location":null}}}`,
	} {
		if err := patchNodeAs(ctx, kubelet, name, patch, "status"); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}

	// A node registers without knowing where it is, its storage driver says so, then the cloud's controller initialises it.
	fresh := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "fresh"}, Spec: corev1.NodeSpec{
		Taints: []corev1.Taint{{Key: "node.cloudprovider.kubernetes.io/uninitialized", Value: "true", Effect: corev1.TaintEffectNoSchedule}},
	}}
	own := e.asNode("fresh")
	if _, err := own.CoreV1().Nodes().Create(ctx, fresh, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := patchNodeAs(ctx, own, "fresh", `{"metadata":{"labels":{"topology.kubernetes.io/zone":"fsn1-dc14"}}}`, "status"); err != nil {
		t.Errorf("the driver of a node that is not initialised: %v", err)
	}
	e.refusedBy("tradewind-node-locations", "the driver says otherwise",
		patchNodeAs(ctx, own, "fresh", `{"metadata":{"labels":{"topology.kubernetes.io/zone":"hel1-dc2"}}}`, "status"))
	cloud := e.mayChangeNodes("cloud-controller-manager", "nodes")
	if err := patchNodeAs(ctx, cloud, "fresh",
		`{"metadata":{"labels":{"topology.kubernetes.io/region":"nbg1","topology.kubernetes.io/zone":"nbg1-dc3"}},
		"spec":{"providerID":"hcloud://7","taints":null}}`); err != nil {
		t.Errorf("the cloud's controller: %v", err)
	}
	e.refusedBy("tradewind-node-locations", "a label after it",
		patchNodeAs(ctx, own, "fresh", `{"metadata":{"labels":{"karpenter.sh/capacity-type":"spot"}}}`))
	if err := patchNodeAs(ctx, cloud, "fresh",
		`{"metadata":{"labels":{"topology.kubernetes.io/region":"fsn1","topology.kubernetes.io/zone":"fsn1-dc14"}}}`); err != nil {
		t.Errorf("the cloud's controller corrects a label: %v", err)
	}

	// The agent of a network on every node may write statuses of all nodes: its token moves none.
	agent := e.mayChangeNodes("network-agent", "nodes/status")
	if err := patchNodeAs(ctx, agent, name, `{"status":{"conditions":[{"type":"NetworkUnavailable","status":"False"}]}}`,
		"status"); err != nil {
		t.Errorf("the agent's condition: %v", err)
	}
	e.refusedBy("tradewind-node-locations", "an agent's token",
		patchNodeAs(ctx, agent, name, `{"metadata":{"labels":{"topology.kubernetes.io/region":"fsn1"}}}`, "status"))

	// A node without provider id does not give itself one later.
	bare := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "bare"}}
	if _, err := e.asNode("bare").CoreV1().Nodes().Create(ctx, bare, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	e.refusedBy("tradewind-node-locations", "a provider id",
		patchNodeAs(ctx, e.asNode("bare"), "bare", `{"spec":{"providerID":"aws:///eu-west-1a/i-0"}}`))
}

// TestProviderIDsContradict relabels nodes as an administrator, as if no guard were there: where the provider id tells, the
// label is not believed.
func TestProviderIDsContradict(t *testing.T) {
	e := newMovingEnv(t, atSea)
	e.patchNode(e.onlyNode("virginia").Name,
		`{"metadata":{"labels":{"topology.kubernetes.io/region":"westeurope","topology.kubernetes.io/zone":"westeurope-1"}}}`)
	e.patchNode(e.onlyNode("ashburn").Name, `{"metadata":{"labels":{"topology.kubernetes.io/region":"fsn1"}}}`) // its zone says ash
	e.policy("web", "residency: {jurisdictions: [EU]}")
	e.pod("web")
	e.waits("web", "0/2 nodes: 2 without a known country (residency EU)")
}

// TestGuardNotInForce alters the guard, and looks at what the policies say.
func TestGuardNotInForce(t *testing.T) {
	e := newMovingEnv(t, twoClouds)
	e.policy("web", "residency: {jurisdictions: [EU]}")
	e.policy("cheap", "optimizeFor: Cost")
	e.clusterPolicy("guard-rail", "residency: {jurisdictions: [EU]}")
	e.guardSays("PlacementPolicy", "web", metav1.ConditionTrue, "")
	e.guardSays("ClusterPlacementPolicy", "guard-rail", metav1.ConditionTrue, "")

	bindings := e.client.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings()
	const audited = `{"spec":{"validationActions":["Audit"]}}`
	if _, err := bindings.Patch(t.Context(), "tradewind-node-locations", types.MergePatchType, []byte(audited),
		metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	for kind, name := range map[string]string{"PlacementPolicy": "web", "ClusterPlacementPolicy": "guard-rail"} {
		e.guardSays(kind, name, metav1.ConditionFalse, "spec.validationActions: does not hold Deny; kubectl apply -k deploy/install")
		e.controller.expectEvent(kind, name, "GuardNotInForce", "a node that was taken over may claim to be elsewhere")
	}
	if err := bindings.Delete(t.Context(), "tradewind-node-locations", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	e.guardSays("PlacementPolicy", "web", metav1.ConditionFalse, "there is no ValidatingAdmissionPolicyBinding tradewind-node-locations")
	e.cluster.Apply(t, "../../deploy/install/node-guard.yaml")
	e.guardSays("PlacementPolicy", "web", metav1.ConditionTrue, "")
	conditions, _, err := e.controller.status(t.Context(), "PlacementPolicy", e.ns, "cheap")
	if err != nil || meta.FindStatusCondition(conditions, v1alpha1.ConditionLocationsGuarded) != nil {
		t.Errorf("a policy without rules on locations speaks of the guard: %+v, %v", conditions, err)
	}
}

// guardSays waits until a policy says whether the guard is in force, in a message that contains a text.
func (e *movingEnv) guardSays(kind, name string, status metav1.ConditionStatus, text string) {
	e.Helper()
	e.conditionSays(kind, name, v1alpha1.ConditionLocationsGuarded, status, text)
}

func (e *movingEnv) conditionSays(kind, name, condition string, status metav1.ConditionStatus, text string) {
	e.Helper()
	namespace := ""
	if kind == "PlacementPolicy" {
		namespace = e.ns
	}
	e.wait(fmt.Sprintf("%s of %s %s to be %s", condition, kind, name, status), func(ctx context.Context) error {
		conditions, _, err := e.controller.status(ctx, kind, namespace, name)
		if err != nil {
			return err
		}
		found := meta.FindStatusCondition(conditions, condition)
		switch {
		case found == nil:
			return errors.New("there is no such condition")
		case found.Status != status || !strings.Contains(found.Message, text):
			return fmt.Errorf("it is %s %s: %s", found.Status, found.Reason, found.Message)
		}
		return nil
	})
}
