package app

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tradewind.dev/tradewind/pkg/report"
)

// machine is a Node of 4 CPUs in files. labels are "KEY: VALUE".
func labelledMachine(name, providerID string, labels ...string) string {
	return fmt.Sprintf("---\napiVersion: v1\nkind: Node\nmetadata: {name: %s, labels: {kubernetes.io/hostname: %s, %s}}\nspec: {providerID: %q}\n"+
		"status: {allocatable: {cpu: '4', memory: 16Gi, pods: '110'}}\n", name, name, strings.Join(labels, ", "), providerID)
}

func onAWS(name, zone string) string {
	return labelledMachine(name, "aws:///"+zone+"/i-"+name, "topology.kubernetes.io/region: "+zone[:len(zone)-1], "topology.kubernetes.io/zone: "+zone,
		"node.kubernetes.io/instance-type: m5.xlarge", "eks.amazonaws.com/nodegroup: general")
}

func onGCP(name, zone string) string {
	return labelledMachine(name, "gce://demo/"+zone+"/"+name, "topology.kubernetes.io/region: "+zone[:len(zone)-2], "topology.kubernetes.io/zone: "+zone,
		"node.kubernetes.io/instance-type: e2-standard-4", "cloud.google.com/gke-nodepool: general")
}

func onAKS(name, zone string) string {
	return labelledMachine(name, "azure:///subscriptions/0/resourceGroups/x/providers/Microsoft.Compute/virtualMachineScaleSets/p/virtualMachines/"+name,
		"topology.kubernetes.io/region: northeurope", "topology.kubernetes.io/zone: '"+zone+"'", "kubernetes.azure.com/cluster: c",
		"node.kubernetes.io/instance-type: Standard_D4s_v5")
}

// service is a workload in files; an empty number of replicas is not written.
func service(kind, name, replicas, cpu string) string {
	version := "apps/v1"
	if kind == "Rollout" {
		version = "argoproj.io/v1alpha1"
	}
	if replicas != "" {
		replicas = "  replicas: " + replicas + "\n"
	}
	return fmt.Sprintf("---\napiVersion: %s\nkind: %s\nmetadata: {name: %s, namespace: shop}\nspec:\n%s  selector: {matchLabels: {app: %s}}\n"+
		"  template:\n    metadata: {labels: {app: %s}}\n    spec: {containers: [{name: c, image: i, resources: {requests: {cpu: %s, memory: 256Mi}}}]}\n",
		version, kind, name, replicas, name, name, cpu)
}

func placementPolicy(spec string) string {
	return "---\napiVersion: tradewind.dev/v1alpha1\nkind: PlacementPolicy\nmetadata: {name: p, namespace: shop}\nspec: {workloadSelector: {}, " + spec + "}\n"
}

func requires(key, operator string, values ...string) string {
	return placementPolicy(fmt.Sprintf("locations: {required: [{key: %s, operator: %s, values: [%s]}]}", key, operator, strings.Join(values, ", ")))
}

// TestSimulateSays has files with what is easily overlooked: the plan must not pass over it in silence.
func TestSimulateSays(t *testing.T) {
	const region, cloud = "topology.kubernetes.io/region", "tradewind.dev/cloud"
	cron := func(name string) string {
		return "---\napiVersion: batch/v1\nkind: CronJob\nmetadata: {name: " + name + ", namespace: shop}\nspec: {schedule: '@hourly', jobTemplate: {spec: {template: " +
			"{spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}}}\n"
	}
	others := ""
	for _, kind := range strings.Fields("Alpha Bravo Charlie Delta Echo Foxtrot Golf Hotel India Juliett Kilo Lima Mike November") {
		others += "---\napiVersion: example.com/v1\nkind: " + kind + "\nmetadata: {name: x, namespace: shop}\n"
	}
	autoscaler := func(target string, limits string) string {
		return "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: of-" + target + ", namespace: shop}\n" +
			"spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: " + target + "}, " + limits + "}\n"
	}
	web := service("Deployment", "web", "2", "500m")
	japan := labelledMachine("o", "azure:///subscriptions/0/resourceGroups/x/providers/Microsoft.Compute/virtualMachineScaleSets/p/virtualMachines/o",
		"topology.kubernetes.io/region: japanwest", "topology.kubernetes.io/zone: japanwest-1", "node.kubernetes.io/instance-type: Standard_D4s_v5")
	onSpot := labelledMachine("a", "aws:///eu-west-1a/i-a", "topology.kubernetes.io/region: eu-west-1", "topology.kubernetes.io/zone: eu-west-1a",
		"node.kubernetes.io/instance-type: m5.xlarge", "eks.amazonaws.com/capacityType: SPOT")
	of := func(app, spec string) string {
		return strings.NewReplacer("name: p,", "name: "+app+",", "workloadSelector: {}", "workloadSelector: {matchLabels: {app: "+app+"}}").Replace(placementPolicy(spec))
	}
	for _, c := range []struct {
		name, files string
		code        int
		placed      int
		// stderr and stdout are parts that must be there; never is in neither.
		stderr, stdout []string
		never          string
	}{
		{
			name: "another name of a cloud to be avoided", files: onGCP("g", "europe-west1-b") + web + requires(cloud, "NotIn", "google"), code: 1,
			stderr: []string{"PlacementPolicy/shop/p: spec.locations.required[0].values: ", "goes by its id alone"},
		},
		{
			name: "a cloud to be avoided in capitals", files: onAKS("a", "northeurope-1") + web + requires(cloud, "NotIn", "Azure"), code: 1,
			stderr: []string{"spec.locations.required[0].values"},
		},
		{
			name: "a slip in a region to be avoided", files: onAWS("a", "eu-central-1a") + web + requires(region, "NotIn", "eu-central1"), placed: 2,
			stderr: []string{`spec.locations.required[0].values[0]: excludes nothing that is known: no cloud that Tradewind knows has the region "eu-central1"; did you mean eu-central-1?`},
		},
		{
			name: "a region to be avoided in capitals", files: onAWS("a", "eu-central-1a") + web + requires(region, "NotIn", "EU-Central-1"), code: 2,
			stderr: []string{"did you mean eu-central-1?"}, stdout: []string{"region not EU-Central-1"},
		},
		{
			name: "a slip in a region", files: onAWS("a", "eu-central-1a") + web + requires(region, "In", "eu-central1"), code: 2,
			stderr: []string{"is met by nothing that is known"}, stdout: []string{"region eu-central1 (PlacementPolicy shop/p); did you mean eu-central-1?"},
		},
		{
			name: "a private cloud that is not there", files: onAWS("a", "eu-central-1a") + web + requires(cloud, "In", "aws", "attic"), placed: 2,
			stderr: []string{`Tradewind knows no cloud "attic"; there are aws`},
		},
		{
			name:  "a private cloud that is there",
			files: labelledMachine("p", "", "tradewind.dev/cloud: attic", "tradewind.dev/country: LU", "tradewind.dev/operator-country: LU") + web + requires(cloud, "In", "attic"), placed: 2,
			never: "knows no cloud",
		},
		{
			name: "a country by another code", files: onAWS("a", "eu-west-2a") + web + requires("tradewind.dev/country", "In", "UK"), code: 1,
			stderr: []string{`the United Kingdom is "GB"`},
		},
		{
			name: "a machine of an Outposts rack",
			files: labelledMachine("o", "aws:///eu-west-1a/i-0", "topology.kubernetes.io/region: eu-west-1", "topology.kubernetes.io/zone: eu-west-1a",
				"topology.ebs.csi.aws.com/outpost-id: op-0123") + web + placementPolicy("residency: {jurisdictions: [IE]}"), code: 2,
			stderr: []string{"AWS Outposts rack op-0123", "(node o)"},
		},
		{
			name:   "Talos on Hetzner",
			files:  labelledMachine("t", "talos://metal/10.0.1.101", "tradewind.dev/cloud: hetzner", "topology.kubernetes.io/region: nbg1") + web + placementPolicy("residency: {jurisdictions: [DE], operatorJurisdictions: [DE]}"),
			placed: 2,
		},
		{
			name: "fault domains", files: onAKS("a", "0") + onAKS("b", "1") + onAKS("c", "2") + service("Deployment", "web", "3", "500m") +
				placementPolicy("availability: {survive: zone, minReplicasPercent: 60}"), code: 2,
			stderr: []string{"fault domain (a rack) and no availability zone"},
		},
		{
			name: "a Rollout", files: onAWS("a", "eu-west-1a") + service("Rollout", "checkout", "5", "100m"), placed: 5, stdout: []string{"rollout shop/checkout"},
		},
		{
			name: "a Rollout of a Deployment that is not there", files: onAWS("a", "eu-west-1a") + "---\napiVersion: argoproj.io/v1alpha1\nkind: Rollout\n" +
				"metadata: {name: checkout, namespace: shop}\nspec: {replicas: 2, workloadRef: {apiVersion: apps/v1, kind: Deployment, name: gone}}\n",
			stderr: []string{"Rollout/shop/checkout: spec.workloadRef: the files have no Deployment gone, so its pods are not planned"},
		},
		{
			name: "an autoscaler's number", files: onAWS("a", "eu-west-1a") + service("Deployment", "web", "", "100m") + autoscaler("web", "minReplicas: 7, maxReplicas: 20"), placed: 7,
			stderr: []string{"Deployment/shop/web: spec.replicas: HorizontalPodAutoscaler of-web sets the number of replicas, from 7 to 20, and not the manifest: 7 are planned; --scale shop/web=N"},
		},
		{
			name: "a number within an autoscaler's limits", files: onAWS("a", "eu-west-1a") + service("Deployment", "web", "9", "100m") + autoscaler("web", "minReplicas: 7, maxReplicas: 20"), placed: 9,
			stderr: []string{"autoscalers set how many replicas run of shop/web (9 of 7 to 20)"},
		},
		{
			name: "KEDA", files: onAWS("a", "eu-west-1a") + service("Deployment", "web", "", "100m") +
				"---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: s, namespace: shop}\nspec: {scaleTargetRef: {name: web}, minReplicaCount: 3}\n", placed: 3,
			stderr: []string{"ScaledObject s sets the number of replicas, from 3 to 100"},
		},
		{
			name: "kinds that run pods", files: onAWS("a", "eu-west-1a") + web + others + cron("etl-0") + cron("etl-1") +
				"---\napiVersion: postgresql.cnpg.io/v1\nkind: Cluster\nmetadata: {name: db, namespace: shop}\nspec: {instances: 3}\n", placed: 2,
			stderr: []string{
				"Warning: 1 object of kind Cluster.postgresql.cnpg.io runs pods that are not planned, and take room only where the files hold the pods: shop/db\n" +
					"Warning: 2 objects of kind CronJob run pods that are not planned, and take room only where the files hold the pods: shop/etl-0, shop/etl-1\n",
				"a plan does not look at 1 Alpha", "and objects of 2 more kinds",
			},
		},
		{
			name: "a quantity that is none", files: onAWS("a", "eu-west-1a") + web + placementPolicy("cost: {maxHourlyUSD: true}"), code: 1,
			stderr: []string{"spec.cost.maxHourlyUSD: is no quantity; write a number"}, never: "<nil>",
		},
		{
			name:  "a limit that an estimate meets",
			files: japan + web + placementPolicy("latency: {clients: [{location: gcp/europe-west2, sharePercent: 100}], maxMilliseconds: 200}"), placed: 2,
			stdout: []string{"Rests on estimates", "the limit of 200 ms is met by estimates only", "from gcp/europe-west2 to azure/japanwest"},
		},
		{
			name: "a limit of calls that an estimate meets",
			files: japan + onGCP("g", "europe-west2-a") + service("Deployment", "web", "1", "500m") + service("Deployment", "db", "1", "500m") +
				of("web", "locations: {required: [{key: tradewind.dev/cloud, operator: In, values: [gcp]}]}, traffic: [{to: {name: db}, maxMilliseconds: 200}]") +
				of("db", "locations: {required: [{key: tradewind.dev/cloud, operator: In, values: [azure]}]}"), placed: 2,
			stdout: []string{"Rests on estimates", "shop/web: the limit of 200 ms to shop/db is met by an estimate only", "from gcp/europe-west2 to azure/japanwest"},
		},
		{
			name: "a limit of calls that only measurements may meet",
			files: japan + onGCP("g", "europe-west2-a") + service("Deployment", "web", "1", "500m") + service("Deployment", "db", "1", "500m") +
				of("web", "locations: {required: [{key: tradewind.dev/cloud, operator: In, values: [gcp]}]}, "+
					"traffic: [{to: {name: db}, maxMilliseconds: 200, figures: Measured}]") +
				of("db", "locations: {required: [{key: tradewind.dev/cloud, operator: In, values: [azure]}]}"), placed: 1, code: 2,
			stdout: []string{"at most 200 ms to shop/db by measured figures, and nobody measured the ", "from gcp/europe-west2 to shop/db in azure/japanwest",
				"a LatencyMap can give what is true"},
			never: "Rests on estimates",
		},
		{
			name: "a limit of calls that a LatencyMap meets",
			files: japan + onGCP("g", "europe-west2-a") + service("Deployment", "web", "1", "500m") + service("Deployment", "db", "1", "500m") +
				of("web", "locations: {required: [{key: tradewind.dev/cloud, operator: In, values: [gcp]}]}, "+
					"traffic: [{to: {name: db}, maxMilliseconds: 200, figures: Measured}]") +
				of("db", "locations: {required: [{key: tradewind.dev/cloud, operator: In, values: [azure]}]}") +
				"---\napiVersion: tradewind.dev/v1alpha1\nkind: LatencyMap\nmetadata: {name: ours}\n" +
				"spec: {samples: [{from: gcp/europe-west2, to: azure/japanwest, milliseconds: \"190\"}]}\n", placed: 2,
			never: "Rests on estimates",
		},
		{
			name:  "a limit that only measurements may meet",
			files: japan + web + placementPolicy("latency: {clients: [{location: gcp/europe-west2, sharePercent: 100}], maxMilliseconds: 200, figures: Measured}"), code: 2,
			never: "Rests on estimates",
		},
		{
			name: "most replicas in one spot pool", files: onSpot + web, placed: 2,
			stdout: []string{"Taken back together", "2 of 2 replicas are in the spot pool m5.xlarge in aws/eu-west-1/eu-west-1a"},
		},
		{name: "half of them elsewhere", files: onSpot + onAWS("b", "eu-west-1b") + web, placed: 2, never: "Taken back together"},
		{
			name:  "a policy that takes them for it",
			files: onSpot + web + placementPolicy("cost: {spot: {maxPercent: 100, maxPoolSharePercent: 100}}"), placed: 2,
			never: "Taken back together",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, stderr := run(t, c.files, "simulate", "-f", "-", "--no-losses")
			_, plan, _ := simulate(t, c.files, "-f", "-", "--no-losses")
			if code != c.code || plan.Replicas != c.placed {
				t.Errorf("exit status %d, want %d; %d replicas placed, want %d", code, c.code, plan.Replicas, c.placed)
			}
			said := strings.Join(strings.Fields(out), " ") // paragraphs are wrapped
			for _, want := range c.stdout {
				if !strings.Contains(said, want) {
					t.Errorf("the plan does not say %q:\n%s", want, out)
				}
			}
			for _, want := range c.stderr {
				if !strings.Contains(stderr, want) {
					t.Errorf("standard error does not say %q:\n%s", want, stderr)
				}
			}
			if c.never != "" && strings.Contains(out+stderr, c.never) {
				t.Errorf("%q is said:\n%s%s", c.never, stderr, out)
			}
		})
	}
}

// TestSimulateSurvives: what could not be made anew after a loss is said, and no reason to leave anything out.
func TestSimulateSurvives(t *testing.T) {
	survive := placementPolicy("availability: {survive: cloud, minReplicasPercent: 50}")
	small := strings.Replace(onGCP("g", "europe-west1-b"), "cpu: '4'", "cpu: '2'", 1)
	code, plan, _ := simulate(t, onAWS("a", "eu-west-1a")+onAWS("b", "eu-west-1b")+small+service("Deployment", "api", "4", "900m")+survive, "-f", "-")
	on := map[string]int{}
	for _, pool := range plan.Pools {
		on[pool.Cloud] += pool.Replicas
	}
	if code != 0 || on["aws"] != 2 || on["gcp"] != 2 {
		t.Errorf("exit status %d; replicas on %v, want two on each of aws and gcp", code, on)
	}
	want := []report.PlanUnrecovered{{Domain: "cloud aws", Left: 2, Missing: 2}}
	if len(plan.Placements) != 1 || !slices.Equal(plan.Placements[0].Unrecovered, want) {
		t.Errorf("unrecovered %+v, want %+v", plan.Placements[0].Unrecovered, want)
	}
}
