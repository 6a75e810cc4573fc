package v1alpha1

import (
	"strings"
	"testing"
)

// TestPlacement is about what a Placement may name.
func TestPlacement(t *testing.T) {
	runAdmission(t, "Placement", "", []admissionCase{
		{name: "a Deployment", spec: `workload: {apiVersion: apps/v1, kind: Deployment, name: web}`},
		{name: "nothing", spec: `{}`, want: []string{`spec.workload: Required value`}},
		{name: "no kind", spec: `workload: {apiVersion: apps/v1, name: web}`, want: []string{`spec.workload.kind: Required value`}},
		{name: "unknown field", spec: `workload: {apiVersion: apps/v1, kind: Deployment, name: web, namespace: shop}`, want: []string{
			`spec.workload.namespace: Invalid value: unknown field`,
		}},
		{name: "name too long", spec: `workload: {apiVersion: apps/v1, kind: Deployment, name: ` + strings.Repeat("w", 254) + `}`, want: []string{
			`spec.workload.name: Too long: may not be more than 253 bytes`,
		}},
	})
}

// TestCloudPool is about pools that people declare.
func TestCloudPool(t *testing.T) {
	runAdmission(t, "CloudPool", "", []admissionCase{
		{name: "everything", spec: `
			clusterName: prod
			cloud: lux-dc
			region: luxembourg
			zone: room-1
			country: LU
			operatorCountry: LU
			instanceType: rack-16
			capacityType: reserved
			minNodes: 1
			maxNodes: 10
			labels: {team: shop}
			taints: [{key: team, value: shop, effect: NoSchedule}]
			allocatable: {cpu: "15", memory: 60Gi, nvidia.com/gpu: 2}`},
		{name: "a cloud", spec: `cloud: aws`},
		{name: "as many as there are at least", spec: `{cloud: aws, minNodes: 3, maxNodes: 3}`},
		{name: "nothing", spec: `{}`, want: []string{`spec.cloud: Required value`}},
		{name: "a cloud with its region", spec: `cloud: aws/eu-west-1`, want: []string{
			`spec.cloud: Invalid value: "aws/eu-west-1": is not the name of a cloud: write it as on the node label tradewind.dev/cloud ("aws"); the region has its own field`,
		}},
		{name: "a region with its cloud", spec: `{cloud: aws, region: aws/eu-west-1}`, want: []string{
			`spec.region: Invalid value: "aws/eu-west-1": is not the name of a region: write it without its cloud ("eu-west-1")`,
		}},
		{name: "a country in words", spec: `{cloud: lux-dc, country: lu, operatorCountry: L1}`, want: []string{
			`spec.country: Invalid value: "lu": is not an ISO 3166 country code of two capitals ("LU")`,
			`spec.operatorCountry: Invalid value: "L1": is not an ISO 3166 country code of two capitals ("LU")`,
		}},
		{name: "a capacity type of another cloud", spec: `{cloud: aws, capacityType: preemptible}`, want: []string{
			`spec.capacityType: Unsupported value: "preemptible": supported values: "on-demand", "spot", "reserved"`,
		}},
		{name: "more at least than at most", spec: `{cloud: aws, minNodes: 4, maxNodes: 3}`, want: []string{
			`spec.minNodes: Invalid value: is above maxNodes: lower it, or raise maxNodes`,
		}},
		{name: "fewer than none", spec: `{cloud: aws, minNodes: -1, maxNodes: 100001}`, want: []string{
			`spec.maxNodes: Invalid value: 100001: spec.maxNodes in body should be less than or equal to 100000`,
			`spec.minNodes: Invalid value: -1: spec.minNodes in body should be greater than or equal to 0`,
		}},
		{name: "less memory than none", spec: `{cloud: aws, allocatable: {memory: -1Gi}}`, want: []string{
			`spec.allocatable.memory: Invalid value: "-1Gi": spec.allocatable.memory in body should match '^[+]?([0-9]{1,3}([.][0-9]{0,3})?P|[0-9]{1,2}([.][0-9]{0,3})?Pi|[0-9]{1,6}([.][0-9]{0,3})?T|[0-9]{1,5}([.][0-9]{0,3})?Ti|[0-9]{1,9}([.][0-9]{0,3})?G|[0-9]{1,8}([.][0-9]{0,3})?Gi|[0-9]{1,12}([.][0-9]{0,3})?M|[0-9]{1,11}([.][0-9]{0,3})?Mi|[0-9]{1,15}([.][0-9]{0,3})?k|[0-9]{1,14}([.][0-9]{0,3})?Ki|[0-9]{1,18}([.][0-9]{0,3})?|[0-9]{1,21}[num]|[.][0-9]{1,3}([kMGTP]|[KMGTP]i)?)$'`,
		}},
		{name: "a taint without effect", spec: `{cloud: aws, taints: [{key: team}]}`, want: []string{`spec.taints[0].effect: Required value`}},
	})
}

// TestPlacementOfAnotherWorkload checks that a Placement stays with its workload.
func TestPlacementOfAnotherWorkload(t *testing.T) {
	object := func(name string) map[string]any {
		parsed, err := parseObject([]byte("apiVersion: tradewind.dev/v1alpha1\nkind: Placement\nmetadata: {name: deployment-web}\n" +
			"spec: {workload: {apiVersion: apps/v1, kind: Deployment, name: " + name + "}}"))
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	d := definitionOf(t, "Placement")
	if errs := d.update(object("web"), object("web")); len(errs) > 0 {
		t.Errorf("the same workload is refused: %v", errs)
	}
	errs := d.update(object("web"), object("db"))
	if len(errs) != 1 || !strings.Contains(errs[0].Error(), "spec.workload: Invalid value") || !strings.Contains(errs[0].Detail, "the workload of a placement cannot change") {
		t.Errorf("another workload: %v", errs)
	}
}
