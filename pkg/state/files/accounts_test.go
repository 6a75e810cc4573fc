package files

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"tradewind.dev/tradewind/pkg/engine"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/planning"
	"tradewind.dev/tradewind/pkg/report"
	"tradewind.dev/tradewind/pkg/state"
)

// Ids of accounts as clouds write them. The project has the name of a namespace, which stays.
const (
	subscription = "0b1fdeca-1234-4567-89ab-0123456789ab"
	awsAccount   = "123456789012"
	project      = "shop"
)

// ofAccounts is a cluster whose objects hold the ids of accounts, and a workload that selects by one.
func ofAccounts(t *testing.T) *state.Lists {
	t.Helper()
	text := `apiVersion: v1
kind: Node
metadata:
  name: aks-1
  labels:
    topology.kubernetes.io/region: westeurope
    topology.kubernetes.io/zone: westeurope-1
    node.kubernetes.io/instance-type: Standard_D4s_v5
    kubernetes.azure.com/network-subscription: SUBSCRIPTION
spec: {providerID: "azure:///subscriptions/SUBSCRIPTION/resourceGroups/mc_rg_aks_westeurope/providers/Microsoft.Compute/virtualMachineScaleSets/aks-np-1-vmss/virtualMachines/0"}
status: {capacity: {cpu: "4", memory: 16Gi, pods: "110"}, allocatable: {cpu: "4", memory: 16Gi, pods: "110"}, conditions: [{type: Ready, status: "True"}]}
---
apiVersion: v1
kind: Node
metadata: {name: gke-1, labels: {topology.kubernetes.io/region: europe-west1, topology.kubernetes.io/zone: europe-west1-b, node.kubernetes.io/instance-type: e2-standard-4}}
spec: {providerID: "gce://PROJECT/europe-west1-b/gke-1"}
status: {capacity: {cpu: "4", memory: 16Gi, pods: "110"}, allocatable: {cpu: "4", memory: 16Gi, pods: "110"}, conditions: [{type: Ready, status: "True"}]}
---
apiVersion: v1
kind: Node
metadata: {name: eks-1, labels: {topology.kubernetes.io/region: eu-west-1, topology.kubernetes.io/zone: eu-west-1a, node.kubernetes.io/instance-type: m6i.xlarge, example.com/account-id: "AWSACCOUNT"}}
spec: {providerID: "aws:///eu-west-1a/i-0123456789abcdef0"}
status: {capacity: {cpu: "4", memory: 16Gi, pods: "110"}, allocatable: {cpu: "4", memory: 16Gi, pods: "110"}, conditions: [{type: Ready, status: "True"}]}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: disk}
spec: {csi: {driver: pd.csi.storage.gke.io, volumeHandle: projects/PROJECT/zones/europe-west1-b/disks/d}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, namespace: shop}
spec: {volumeName: disk}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: on-azure, namespace: shop}
spec: {replicas: 2, template: {metadata: {labels: {app: a}}, spec: {nodeSelector: {kubernetes.azure.com/network-subscription: SUBSCRIPTION}, containers: [{name: a, resources: {requests: {cpu: 100m}}}]}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: on-aws, namespace: shop}
spec: {replicas: 2, template: {metadata: {labels: {app: b}}, spec: {nodeSelector: {example.com/account-id: "AWSACCOUNT"}, containers: [{name: a, resources: {requests: {cpu: 100m}}}]}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: by-its-disk, namespace: shop}
spec: {replicas: 1, template: {metadata: {labels: {app: c}}, spec: {volumes: [{name: d, persistentVolumeClaim: {claimName: data}}], containers: [{name: a, resources: {requests: {cpu: 100m}}}]}}}
---
apiVersion: tradewind.dev/v1alpha1
kind: PriceList
metadata: {name: p}
spec: {source: "contract of arn:aws:organizations::AWSACCOUNT:account/o-1 and SUBSCRIPTION", discounts: [{cloud: aws, percent: 5}]}
`
	text = strings.NewReplacer("SUBSCRIPTION", subscription, "AWSACCOUNT", awsAccount, "PROJECT", project).Replace(text)
	set, err := Read([]string{"-"}, strings.NewReader(text), Options{})
	if err != nil || len(set.Problems) > 0 {
		t.Fatal(err, set.Problems)
	}
	lists := new(state.Lists)
	for _, object := range set.Objects {
		encoded, err := json.Marshal(object.Value)
		if err != nil {
			t.Fatal(err)
		}
		field := map[string]string{"Node": "Nodes", "PersistentVolume": "Volumes", "PersistentVolumeClaim": "Claims", "Deployment": "Deployments", "PriceList": "PriceLists"}[object.Kind]
		one := new(state.Lists)
		if err := json.Unmarshal([]byte(fmt.Sprintf(`{%q:[%s]}`, field, encoded)), one); err != nil {
			t.Fatal(err)
		}
		lists.Nodes, lists.Volumes, lists.Claims = append(lists.Nodes, one.Nodes...), append(lists.Volumes, one.Volumes...), append(lists.Claims, one.Claims...)
		lists.Deployments, lists.PriceLists = append(lists.Deployments, one.Deployments...), append(lists.PriceLists, one.PriceLists...)
	}
	return lists
}

// planOf plans the files of a snapshot.
func planOf(t *testing.T, written []File) (plan []byte, nodes []*corev1.Node) {
	t.Helper()
	folder := t.TempDir()
	for _, file := range written {
		if err := os.WriteFile(filepath.Join(folder, file.Name), file.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set, err := Read([]string{folder}, nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	scenario, err := set.Scenario(location.DefaultOptions(), now)
	if err != nil || len(scenario.Problems) > 0 {
		t.Fatal(err, scenario.Problems)
	}
	result, err := planning.Build(scenario.Input)
	if err != nil {
		t.Fatal(err)
	}
	solver, err := engine.NewSolver(result.Snapshot, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	made := solver.Plan()
	plan, err = json.Marshal(report.NewPlan(result, made, solver.Explain))
	if err != nil {
		t.Fatal(err)
	}
	return plan, scenario.Nodes
}

// A snapshot holds no id of an account unless asked, and gives the same plan either way.
func TestSnapshotHoldsNoAccountIDs(t *testing.T) {
	lists := ofAccounts(t)
	plain, err := Snapshot(lists, SnapshotOptions{AccountIDs: true})
	if err != nil {
		t.Fatal(err)
	}
	hidden, err := Snapshot(lists, SnapshotOptions{})
	if err != nil {
		t.Fatal(err)
	}
	text := func(files []File) string {
		var out strings.Builder
		for _, file := range files {
			out.Write(file.Data)
		}
		return out.String()
	}
	for _, id := range []string{subscription, awsAccount, "gce://" + project + "/", "projects/" + project + "/"} {
		if strings.Contains(text(hidden), id) || !strings.Contains(text(plain), id) {
			t.Errorf("%s is hidden: %v, and written when asked: %v", id, !strings.Contains(text(hidden), id), strings.Contains(text(plain), id))
		}
	}
	for _, kept := range []string{"namespace: shop", "azure:///subscriptions/00000000-0000-0000-0000-0000000000", "/resourceGroups/mc_rg_aks_westeurope/", "i-0123456789abcdef0"} {
		if !strings.Contains(text(hidden), kept) {
			t.Errorf("%s is gone:\n%s", kept, text(hidden))
		}
	}
	before, _ := planOf(t, plain)
	after, nodes := planOf(t, hidden)
	// Messages name the labels that workloads select by.
	stands := strings.NewReplacer(subscription, standUUID(1), awsAccount, standAccount(2))
	if stands.Replace(string(before)) != string(after) {
		t.Errorf("the plan was\n%s\nand without the ids it is\n%s", before, after)
	}
	if !strings.Contains(string(before), `"unplaced":0`) || strings.Contains(string(before), `"decisions":[]`) {
		t.Errorf("not all is placed, so little is compared:\n%s", before)
	}
	for _, node := range nodes {
		if at := location.FromNode(node, location.DefaultOptions()); at.Cloud == "" || at.Zone == "" {
			t.Errorf("%s is nowhere without the ids: %+v", node.Name, at.Problems)
		}
	}
}

// stands says whether something has the form of what stands for an account.
func stands(id string) bool {
	return slices.ContainsFunc([]func(int) string{standUUID, standAccount, standName}, func(stand func(int) string) bool {
		for n := range 10 {
			if strings.Contains(stand(n), strings.ToLower(id)) {
				return true
			}
		}
		return false
	})
}

// FuzzHideAccounts gives the provider ids, handles and labels of a cluster whatever may stand there: a node stays where it
// is, no subscription is left where Azure writes it, and doing it twice changes nothing.
func FuzzHideAccounts(f *testing.F) {
	f.Add("azure:///subscriptions/"+subscription+"/resourceGroups/g", "projects/p/zones/europe-west1-b/disks/d", subscription)
	f.Add("gce://shop/europe-west1-b/n", "arn:aws:iam::"+awsAccount+":role/r", "x-"+awsAccount)
	f.Add("ibm://a/b", "crn:v1:bluemix:public:is:eu-de-1:a/0123456789abcdef0123456789abcdef::instance:i", "a")
	f.Add("gce://0123456789abcdef/0123456789abcdef", "", "")
	f.Add("/suBsCriptions/"+standUUID(1), "", "")
	f.Add("AZURE:///Subscriptions//subscriptions/x/", "gce://gce://a/b", "ocid1.tenancy.oc1..aaaa")
	f.Fuzz(func(t *testing.T, id, handle, label string) {
		object := map[string]any{
			"kind": "Node", "spec": map[string]any{"providerID": id, "handle": handle},
			"metadata": map[string]any{"labels": map[string]any{"example.com/account": label}},
		}
		node := &corev1.Node{Spec: corev1.NodeSpec{ProviderID: id}}
		before := location.FromNode(node, location.DefaultOptions())
		hideAccounts([]map[string]any{object})
		hidden := object["spec"].(map[string]any)["providerID"].(string)
		node.Spec.ProviderID = hidden
		if after := location.FromNode(node, location.DefaultOptions()); before.Cloud != after.Cloud || before.Region != after.Region || before.Zone != after.Zone {
			t.Errorf("%q became %q, and %+v became %+v", id, hidden, before.Location, after.Location)
		}
		for _, form := range accountForms {
			for _, found := range form.pattern.FindAllStringSubmatch(id, -1) {
				if !form.anywhere { // elsewhere it may be the name of a zone or a machine
					for _, left := range form.pattern.FindAllStringSubmatch(hidden, -1) {
						if left[1] == found[1] && !stands(found[1]) {
							t.Errorf("%q became %q, which holds %q", id, hidden, found[1])
						}
					}
					continue
				}
				// A longer word that has the id within it is no id of an account.
				words := strings.FieldsFunc(hidden, func(r rune) bool { return strings.ContainsRune("/:.", r) })
				if !stands(found[1]) && len(found[1]) > 12 && slices.Contains(words, found[1]) {
					t.Errorf("%q became %q, which holds %q", id, hidden, found[1])
				}
			}
		}
	})
}
