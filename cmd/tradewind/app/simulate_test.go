package app

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tradewind.dev/tradewind/pkg/report"
)

// scenario is a folder of the examples.
func scenario(name string) string {
	return filepath.Join("..", "..", "..", "examples", "scenarios", name)
}

// simulate runs simulate with JSON output and returns its plan.
func simulate(t *testing.T, stdin string, arguments ...string) (code int, plan report.Plan, stderr string) {
	t.Helper()
	code, out, stderr := run(t, stdin, append([]string{"simulate", "-o", "json"}, arguments...)...)
	if out != "" {
		decoder := json.NewDecoder(strings.NewReader(out))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&plan); err != nil {
			t.Fatal(err)
		}
	}
	return code, plan, stderr
}

// checkPlan checks what must hold of every printed plan: sums, and that every replica is counted once.
func checkPlan(t *testing.T, plan *report.Plan) {
	t.Helper()
	sum := func(b *report.PlanParts) float64 {
		return b.Compute + b.Egress + b.Latency + b.Interruption + b.Disruption + b.Preference
	}
	near := func(what string, a, b float64) {
		if math.Abs(a-b) > 1e-9 {
			t.Errorf("%s: %v and %v differ", what, a, b)
		}
	}
	bill := &plan.HourlyUSD
	if plan.Objective == "shares" {
		near("total", bill.Total, sum(&bill.PlanParts))
	} else {
		near("total", bill.Total, bill.Invoice+bill.Valued)
	}
	near("invoice", bill.Invoice, bill.Machines+bill.Egress)
	near("valued", bill.Valued, bill.Latency+bill.Interruption+bill.Disruption+bill.Preference)
	machines := 0.0
	for i := range plan.Pools {
		if pool := &plan.Pools[i]; pool.NodeHourlyUSD != nil && !pool.Sunk {
			machines += *pool.NodeHourlyUSD * float64(pool.UsedNodes+pool.AddedNodes)
		}
	}
	near("whole machines in use", bill.Machines, machines)
	all, placed, unplaced := 0.0, 0, 0
	byPool := map[string]int{}
	for i := range plan.Placements {
		w := &plan.Placements[i]
		ofWorkload, replicas := 0.0, 0
		for k := range w.Decisions {
			d := &w.Decisions[k]
			near(w.Name+" decision", d.HourlyUSD, sum(&d.Parts.PlanParts))
			near(w.Name+" share", d.Parts.Share+d.Parts.Valued, d.HourlyUSD)
			ofWorkload += d.HourlyUSD
			replicas += d.Replicas
			byPool[d.Cluster+"/"+d.Pool] += d.Replicas
			if d.Reason == "" {
				t.Errorf("%s on %s: no reason", w.Name, d.Pool)
			}
			onNodes := 0
			for _, n := range d.Nodes {
				onNodes += n.Replicas
			}
			if onNodes != d.Replicas {
				t.Errorf("%s on %s: %d replicas on nodes, want %d", w.Name, d.Pool, onNodes, d.Replicas)
			}
		}
		near(w.Name, w.HourlyUSD.Total, ofWorkload)
		if replicas+w.Unplaced != w.Replicas {
			t.Errorf("%s: %d placed and %d unplaced of %d", w.Name, replicas, w.Unplaced, w.Replicas)
		}
		if w.Unplaced > 0 && w.Conflict == nil && w.Held == "" {
			t.Errorf("%s: %d unplaced without a reason", w.Name, w.Unplaced)
		}
		if len(w.Decisions)+len(w.Rejected)+w.RejectedMore != len(plan.Pools) {
			t.Errorf("%s: %d decisions and %d rejections of %d pools", w.Name, len(w.Decisions), len(w.Rejected), len(plan.Pools))
		}
		for _, r := range w.Rejected {
			if r.Message == "" || (r.Rule == "price") != (r.DeltaUSD != nil) {
				t.Errorf("%s: rejection %+v", w.Name, r)
			}
		}
		all += ofWorkload
		placed += replicas
		unplaced += w.Unplaced
	}
	near("all workloads", all, sum(&bill.PlanParts))
	if placed != plan.Replicas || unplaced != plan.Unplaced {
		t.Errorf("%d placed and %d unplaced, the plan says %d and %d", placed, unplaced, plan.Replicas, plan.Unplaced)
	}
	for _, pool := range plan.Pools {
		if byPool[pool.Cluster+"/"+pool.Pool] != pool.Replicas {
			t.Errorf("pool %s: %d replicas, want %d", pool.Pool, pool.Replicas, byPool[pool.Cluster+"/"+pool.Pool])
		}
	}
	if plan.HourlyUSD.Total < plan.LowerBoundUSD-1e-9 {
		t.Errorf("total %v below its bound %v", plan.HourlyUSD.Total, plan.LowerBoundUSD)
	}
}

func TestSimulate(t *testing.T) {
	three, running, autoscaling := scenario("three-clouds"), scenario("running"), scenario("autoscaling")
	cloudOf := func(p *report.Plan, cloud string) int {
		n := 0
		for _, pool := range p.Pools {
			if pool.Cloud == cloud {
				n += pool.Replicas
			}
		}
		return n
	}
	for _, c := range []struct {
		name      string
		arguments []string
		code      int
		check     func(*testing.T, *report.Plan)
	}{
		{"as it stands", []string{"-f", three}, 0, func(t *testing.T, p *report.Plan) {
			if len(p.Placements) != 10 || p.Replicas != 30 || p.Moves != 0 || len(p.Losses) == 0 {
				t.Errorf("%d workloads, %d replicas, %d moves, losses %v", len(p.Placements), p.Replicas, p.Moves, p.Losses)
			}
		}},
		{"a lost cloud", []string{"-f", three, "-f", running, "--lose", "cloud=gcp"}, 0, func(t *testing.T, p *report.Plan) {
			if cloudOf(p, "gcp") != 0 || p.Moves < 9 || p.HourlyUSD.Disruption <= 0 {
				t.Errorf("%d replicas on the lost cloud, %d moves; nine ran there", cloudOf(p, "gcp"), p.Moves)
			}
		}},
		{"a lost zone, pool and node", []string{"-f", three, "--lose", "zone=eu-west-1a", "--lose", "pool=general-westeurope-2", "--lose", "node=gke-1"}, 0, func(t *testing.T, p *report.Plan) {
			for _, pool := range p.Pools {
				if (pool.Zone == "eu-west-1a" || pool.Pool == "general-westeurope-2") && pool.Replicas > 0 {
					t.Errorf("replicas on %+v", pool)
				}
			}
			for i := range p.Placements {
				for _, d := range p.Placements[i].Decisions {
					for _, n := range d.Nodes {
						if n.Name == "gke-1" {
							t.Error("replicas on the lost node")
						}
					}
				}
			}
		}},
		{"everything lost", []string{"-f", three, "--lose", "cloud=aws", "--lose", "cloud=gcp", "--lose", "cloud=azure"}, 2, func(t *testing.T, p *report.Plan) {
			if p.Unplaced != 30 || p.HourlyUSD.Total != 0 {
				t.Errorf("%d unplaced, $%v", p.Unplaced, p.HourlyUSD.Total)
			}
		}},
		{"a dear cloud", []string{"-f", three, "--price", "cloud=gcp,capacityType=on-demand=x3", "--price", "cloud=gcp=x2"}, 0, func(t *testing.T, p *report.Plan) {
			for _, pool := range p.Pools {
				if pool.Cloud == "gcp" && pool.CapacityType == "on-demand" && math.Abs(*pool.NodeHourlyUSD-6*0.07378) > 0.01 {
					t.Errorf("price %v of %s", *pool.NodeHourlyUSD, pool.Pool)
				}
			}
		}},
		{"another number", []string{"-f", three, "--scale", "shop/ads=7", "--scale", "cart=0"}, 0, func(t *testing.T, p *report.Plan) {
			if p.Replicas != 30-2+7-3 {
				t.Errorf("%d replicas", p.Replicas)
			}
		}},
		{"too many", []string{"-f", three, "--scale", "ads=500"}, 2, func(t *testing.T, p *report.Plan) {
			if p.Unplaced == 0 {
				t.Error("500 replicas have a place")
			}
		}},
		{"new nodes", []string{"-f", three, "-f", autoscaling, "--scale", "ads=60"}, 0, func(t *testing.T, p *report.Plan) {
			added := 0
			for _, pool := range p.Pools {
				added += pool.AddedNodes
			}
			if added == 0 || added > 3+4 {
				t.Errorf("%d nodes added", added)
			}
		}},
		{"compared", []string{"-f", three, "--lose", "cloud=aws", "--compare", "base"}, 0, func(t *testing.T, p *report.Plan) {
			if p.Comparison == nil || p.Comparison.Replicas != 30 || p.Comparison.HourlyUSD.Total <= 0 {
				t.Errorf("comparison %+v", p.Comparison)
			}
		}},
		{"compared with what runs", []string{"-f", three, "-f", running, "--compare", "current"}, 0, func(t *testing.T, p *report.Plan) {
			if c := p.Comparison; c.Replicas != 30 || c.Moves != 0 || c.Moved != p.Moves || c.SavingsUSD <= 0 {
				t.Errorf("comparison %+v of a plan with %d moves", c, p.Moves)
			}
		}},
		{"compared with itself", []string{"-f", three, "--compare", three, "--no-losses"}, 0, func(t *testing.T, p *report.Plan) {
			if c := p.Comparison; c.Moved != 0 || c.SavingsUSD != 0 || len(c.Workloads) != 0 || len(p.Losses) != 0 {
				t.Errorf("comparison %+v", p.Comparison)
			}
		}},
		{"a deadline that is over at once", []string{"-f", three, "--deadline", "1ns"}, 0, func(t *testing.T, p *report.Plan) {
			if !p.Stopped || p.Replicas != 30 {
				t.Errorf("stopped %v, %d replicas", p.Stopped, p.Replicas)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, plan, stderr := simulate(t, "", c.arguments...)
			if code != c.code {
				t.Fatalf("exit %d, want %d: %s", code, c.code, stderr)
			}
			checkPlan(t, &plan)
			c.check(t, &plan)
		})
	}
}

// The deadline is for the losses too: when it is over before they are planned they are left out, and that is said.
func TestSimulateDeadlineIsForAll(t *testing.T) {
	_, plan, stderr := simulate(t, "", "-f", scenario("three-clouds"), "--deadline", "1ns")
	if len(plan.Losses) > 0 || !strings.Contains(stderr, "the deadline left no time to plan what would break if a cloud were lost") {
		t.Errorf("%d losses were planned after the deadline; it says: %s", len(plan.Losses), stderr)
	}
	_, plan, stderr = simulate(t, "", "-f", scenario("three-clouds"), "--deadline", "1h")
	if len(plan.Losses) == 0 || plan.Stopped || strings.Contains(stderr, "deadline") {
		t.Errorf("%d losses, stopped %t, with an hour; it says: %s", len(plan.Losses), plan.Stopped, stderr)
	}
}

// The same scenario gives the same plan, byte by byte.
func TestSimulateIsDeterministic(t *testing.T) {
	arguments := []string{"simulate", "-f", scenario("three-clouds"), "-f", scenario("running"), "-o", "json"}
	_, first, _ := run(t, "", arguments...)
	for range 3 {
		if _, again, _ := run(t, "", arguments...); again != first {
			t.Fatal("two plans of one scenario differ")
		}
	}
}

func TestSimulateBadInput(t *testing.T) {
	nodes, err := os.ReadFile(filepath.Join(scenario("three-clouds"), "nodes.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	workload := "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 2, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: a, resources: {requests: {cpu: 100m, memory: 64Mi}}}]}}}\n"
	good := string(nodes) + workload
	for _, c := range []struct {
		name, stdin string
		arguments   []string
		code        int
		replicas    int
		want        string
	}{
		{"good", good, nil, 0, 2, ""},
		{"broken document", good + "---\na: [\n", nil, 1, 2, "did not find expected node content; the document is left out"},
		{"larger than any node", strings.Replace(good, "cpu: 100m, memory: 64Mi", "cpu: \"64\"", 1), nil, 2, 0, ""},
		{"negative", good + strings.NewReplacer("name: web", "name: bad", "replicas: 2", "replicas: -1").Replace(workload), nil, 1, 2, "Deployment/default/bad: spec.replicas: -1 is no number of replicas"},
		{"other kinds", good + "---\napiVersion: v1\nkind: Service\nmetadata: {name: s}\n", nil, 0, 2, "Warning: a plan does not look at 1 Service\n"},
		{"nothing", "", nil, 0, 0, ""},
		{"no request", strings.Replace(good, "{requests: {cpu: 100m, memory: 64Mi}}", "{}", 1), nil, 0, 2, "no container requests anything"},
		{"a call to nobody", good + "---\napiVersion: tradewind.dev/v1alpha1\nkind: PlacementPolicy\nmetadata: {name: p}\nspec: {workloadSelector: {}, traffic: [{to: {name: nobody}, requestsPerSecond: 1}]}\n", nil, 0, 2, "default/nobody is not in the snapshot"},
		{"an unknown place", good + "---\napiVersion: v1\nkind: Node\nmetadata: {name: x}\nstatus: {allocatable: {cpu: \"2\", memory: 4Gi}}\n", nil, 0, 2, "the cloud is unknown: spec.providerID is empty"},
		{"unknown format", good, []string{"-o", "yaml"}, 1, 0, `--output "yaml" is unknown; use one of table, json, csv`},
		{"unknown aim", good, []string{"--optimize-for", "speed"}, 1, 0, "use one of Cost, Latency, Balanced"},
		{"no such cloud", good, []string{"--lose", "cloud=aw"}, 1, 0, "--lose cloud=aw names no pool; there are cloud= aws, azure, gcp"},
		{"no such node", good, []string{"--lose", "node=x"}, 1, 0, "there is no such node"},
		{"no such key", good, []string{"--lose", "rack=x"}, 1, 0, `"rack=x" names nothing; write KEY=VALUE`},
		{"no factor", good, []string{"--price", "cloud=aws=1.3"}, 1, 0, "write SELECTOR=xFACTOR, such as cloud=aws=x1.3"},
		{"a negative factor", good, []string{"--price", "cloud=aws=x-1"}, 1, 0, `"-1" is no factor`},
		{"no such workload", good, []string{"--scale", "api=3"}, 1, 0, "the files have no such workload; they have default/web"},
		{"a negative number", good, []string{"--scale", "web=-3"}, 1, 0, "write [NAMESPACE/]WORKLOAD=N"},
		{"no base", good, []string{"--compare", "nowhere.yaml"}, 1, 0, "--compare nowhere.yaml: stat nowhere.yaml: no such file"},
		{"a negative deadline", good, []string{"--deadline", "-1s"}, 1, 0, "--deadline -1s is negative"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, plan, stderr := simulate(t, c.stdin, append([]string{"-f", "-"}, c.arguments...)...)
			if code != c.code || plan.Replicas != c.replicas || c.want == "" && stderr != "" || !strings.Contains(stderr, c.want) {
				t.Errorf("exit %d, %d replicas, error %q; want %d, %d, %q", code, plan.Replicas, stderr, c.code, c.replicas, c.want)
			}
			if plan.Kind != "" {
				checkPlan(t, &plan)
			}
		})
	}
	if code, _, stderr := run(t, "", "simulate"); code != 1 || !strings.Contains(stderr, "nothing to plan: give -f PATH") {
		t.Errorf("without a path: exit %d, %q", code, stderr)
	}
}

// A policy that cannot be read moves nothing and lets nothing start.
func TestSimulateHoldsUnderABrokenPolicy(t *testing.T) {
	policy := "apiVersion: tradewind.dev/v1alpha1\nkind: PlacementPolicy\nmetadata: {name: bad, namespace: shop}\nspec: {workloadSelector: {matchLabels: {app: email}}, residency: {jurisdiction: [EU]}}\n"
	code, plan, stderr := simulate(t, policy, "-f", scenario("three-clouds"), "-f", scenario("running"), "-f", "-")
	if code != 1 || !strings.Contains(stderr, "standard input:4: PlacementPolicy/shop/bad: spec.residency.jurisdiction: unknown field") {
		t.Errorf("exit %d, error %q", code, stderr)
	}
	for i := range plan.Placements {
		if w := &plan.Placements[i]; w.Name == "email" && (w.Moves != 0 || !strings.Contains(w.Held, "PlacementPolicy/shop/bad is not valid")) {
			t.Errorf("placement %+v", w)
		}
	}
}

func TestSimulateTableAndCSV(t *testing.T) {
	code, out, _ := run(t, "", "simulate", "-f", scenario("three-clouds"), "-f", scenario("running"), "--lose", "cloud=aws", "--compare", "base")
	for _, want := range []string{"CLOUD", "TOTAL", "Invoice ", "Valued ", "Score ", "WORKLOAD", "shop/frontend", "at worst ", "IF LOST", "COMPARED", "This plan "} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("exit %d, table without %q:\n%s", code, want, out)
		}
	}
	for _, line := range strings.Split(out, "\n") {
		if len([]rune(line)) > report.MaxColumns {
			t.Errorf("line of %d characters: %s", len([]rune(line)), line)
		}
	}
	_, out, _ = run(t, "", "simulate", "-f", scenario("three-clouds"), "-o", "csv")
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil || len(rows) < 11 || rows[0][0] != "namespace" {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}
