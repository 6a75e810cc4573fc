package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"tradewind.dev/tradewind/pkg/report"
	"tradewind.dev/tradewind/pkg/state"
)

// demo is one run of the demo.
type demo struct {
	*screen
	root, bin  string
	keep       bool
	begun      time.Time
	up         bool
	kubeconfig string
	client     client.Client
	// before is the shop under the default scheduler, after under Tradewind.
	before, after *tally
	// records is the folder of what was written of the cluster; empty until something was.
	records string
}

const (
	beforeNamespace = "before"
	shopNamespace   = "shop"
)

// play tells the story. Errors say what to do.
func (d *demo) play(ctx context.Context) error {
	d.prologue()
	if err := d.check(ctx); err != nil {
		return err
	}
	for _, part := range []func(context.Context) error{
		d.cluster, d.install, d.defaultScheduler, d.tradewind, d.why, d.bill, d.latency, d.refusal,
		d.plan, d.whatIf, d.prices, d.drill,
	} {
		if err := part(ctx); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) prologue() {
	d.line("Tradewind puts every Kubernetes workload in the right cloud.")
	d.blank()
	d.paragraph("", "This demo runs an online shop of 12 services on one cluster over AWS, Google Cloud, Azure and a private data centre: "+
		"first placed by Kubernetes' default scheduler, then by Tradewind under policies for residency, latency, spread and cost.")
	d.blank()
	d.paragraph("Real:      ", "etcd, API server, controller manager and both schedulers, with TLS and RBAC; Tradewind's programs under their own, "+
		"restricted identities; the clouds' list prices and measured round-trip times.")
	d.paragraph("Simulated: ", "the machines. They carry exactly what their cloud's nodes carry, but no container runs on them.")
	d.paragraph("", "Lines that begin with $ are commands, really run; after `make demo KEEP=1` you can go on with your own.")
}

func (d *demo) cluster(ctx context.Context) error {
	d.heading("1. A cluster over three clouds and a private data centre")
	if err := d.bringUp(ctx); err != nil {
		return err
	}
	if err := d.connect(); err != nil {
		return err
	}
	return nil
}

func (d *demo) install(ctx context.Context) error {
	for _, files := range [][]string{
		{"-f", "deploy/crds"},
		{"-f", "deploy/install/namespace.yaml", "-f", "deploy/install/rbac", "-f", "deploy/install/node-guard.yaml"},
	} {
		if err := d.kubectl(ctx, append([]string{"apply", "--server-side"}, files...)...); err != nil {
			return err
		}
	}
	if err := d.start(ctx, "tradewind-scheduler", "--secure-port=0"); err != nil {
		return err
	}
	if err := d.start(ctx, "tradewind-controller", "--metrics-bind-address=0", "--health-probe-bind-address=0"); err != nil {
		return err
	}
	for _, namespace := range []string{beforeNamespace, shopNamespace} {
		if err := d.kubectl(ctx, "create", "namespace", namespace); err != nil {
			return err
		}
	}
	if err := d.kubectl(ctx, "apply", "--server-side", "-n", shopNamespace, "-k", "examples/three-clouds"); err != nil {
		return err
	}
	snapshot, err := d.snapshot(ctx)
	if err != nil {
		return err
	}
	d.blank()
	d.line("The machines that can be had, and what one costs (the private ones' price is the example's own):")
	d.blank()
	d.pools(snapshot)
	return d.rules()
}

// rules says what the policies ask for, in the words of their file.
func (d *demo) rules() error {
	const file = "examples/three-clouds/policies.yaml"
	text, err := os.ReadFile(filepath.Join(d.root, file))
	if err != nil {
		return err
	}
	d.blank()
	d.line("The policies, in the words of %s:", file)
	d.blank()
	for _, document := range strings.Split(string(text), "\n---\n")[1:] {
		var object metav1.PartialObjectMetadata
		if err := yaml.Unmarshal([]byte(document), &object); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		d.paragraph(fmt.Sprintf("  %-20s ", object.Name), comment(document))
	}
	return nil
}

// comment is the text of the comment that a document begins with.
func comment(document string) string {
	var words []string
	for _, line := range strings.Split(document, "\n") {
		text, commented := strings.CutPrefix(line, "#")
		if !commented {
			break
		}
		words = append(words, strings.TrimSpace(text))
	}
	return strings.Join(words, " ")
}

// pools prints the nodes of the cluster by pool.
func (d *demo) pools(snapshot *state.Snapshot) {
	type pool struct{ cloud, region, country, law, instance, capacity, price string }
	count := map[pool]int{}
	for _, object := range snapshot.Nodes {
		node := snapshot.Node(object)
		at, price := &node.Class.Node, "unknown"
		if node.Price.Known {
			price = report.Dollars(node.Price.USD)
		}
		count[pool{at.Cloud, at.Region, at.Country, at.OperatorCountry, at.InstanceType, string(at.CapacityType), price}]++
	}
	var rows [][]string
	for p, n := range count {
		rows = append(rows, []string{p.cloud, p.region, p.country, p.law, p.instance, p.capacity, fmt.Sprint(n), p.price})
	}
	slices.SortFunc(rows, slices.Compare[[]string])
	d.table([]string{"CLOUD", "REGION", "COUNTRY", "OPERATOR'S LAW", "INSTANCE TYPE", "CAPACITY", ">NODES", ">$/HOUR"}, rows)
}

func (d *demo) defaultScheduler(ctx context.Context) error {
	d.heading("2. The shop under Kubernetes' default scheduler")
	d.paragraph("", "The policies are in this namespace too, so that it can be judged by them. The default scheduler does not read them, and "+
		"its choice differs a little from run to run.")
	d.blank()
	if err := d.kubectl(ctx, "apply", "--server-side", "-n", beforeNamespace, "-f", "examples/three-clouds/policies.yaml"); err != nil {
		return err
	}
	if err := d.kubectl(ctx, "apply", "--server-side", "-n", beforeNamespace, "-k", "examples/online-boutique"); err != nil {
		return err
	}
	if err := d.awaitRunning(ctx, beforeNamespace); err != nil {
		return err
	}
	d.blank()
	if err := d.tell(ctx, "tradewind", "report", "cost"); err != nil {
		return err
	}
	snapshot, err := d.snapshot(ctx)
	if err != nil {
		return err
	}
	if d.before, err = take(snapshot, beforeNamespace); err != nil {
		return err
	}
	d.blank()
	d.brokenRules()
	d.blank()
	d.paragraph("", "Now the same pods again, on the same machines, all free again:")
	d.blank()
	if err := d.kubectl(ctx, "delete", "deployments", "--all", "-n", beforeNamespace); err != nil {
		return err
	}
	return d.step("the machines are free", func(func(string)) error { return d.awaitNoPods(ctx, beforeNamespace) })
}

// brokenRules says which rules the default scheduler broke.
func (d *demo) brokenRules() {
	d.line("%d of %d pods break a rule (of those above a share only the ones too many):", d.before.brokenPods, d.before.pods)
	d.blank()
	var rows [][]string
	for i := range d.before.broken {
		broken := &d.before.broken[i]
		example := broken.messages[0]
		if len(broken.messages) > 1 {
			example += ", …"
		}
		rows = append(rows, []string{fmt.Sprint(broken.total()), string(broken.rule), example, names(broken.pods)})
	}
	d.table([]string{">PODS", "RULE", "THEIR NODE IS", "WORKLOADS"}, rows)
}

func (d *demo) tradewind(ctx context.Context) error {
	d.heading("3. The shop under Tradewind")
	d.paragraph("", "The same pods with schedulerName: tradewind. Rules come first, since they hold for pods that are placed after them.")
	d.blank()
	if err := d.kubectl(ctx, "wait", "-n", shopNamespace, "--for=condition=InForce", "placementpolicies", "--all", "--timeout=5m"); err != nil {
		return err
	}
	if err := d.kubectl(ctx, "apply", "--server-side", "-n", shopNamespace, "-k", "examples/online-boutique-tradewind"); err != nil {
		return err
	}
	if err := d.awaitRunning(ctx, shopNamespace); err != nil {
		return err
	}
	if err := d.step("policies count their pods", func(func(string)) error { return d.awaitPolicies(ctx, shopNamespace) }); err != nil {
		return err
	}
	if err := d.tell(ctx, "kubectl", "get", "placementpolicies", "-n", shopNamespace); err != nil {
		return err
	}
	snapshot, err := d.snapshot(ctx)
	if err != nil {
		return err
	}
	if d.after, err = take(snapshot, shopNamespace); err != nil {
		return err
	}
	d.blank()
	d.line("Where everything went (pods by cloud; on demand unless it says spot):")
	d.blank()
	d.placements(clouds(snapshot))
	if d.after.brokenPods > 0 {
		return fmt.Errorf("%d pods break a rule (%s), which is a fault in Tradewind: please report it",
			d.after.brokenPods, names(d.after.broken[0].pods))
	}
	return nil
}

func (d *demo) placements(clouds []string) {
	header := []string{"WORKLOAD", ">PODS"}
	for _, cloud := range clouds {
		header = append(header, strings.ToUpper(cloud))
	}
	header = append(header, ">$/MONTH", ">BEFORE", "POLICY")
	var rows [][]string
	for i := range d.after.workloads {
		w := &d.after.workloads[i]
		row := []string{w.name, fmt.Sprint(w.pods)}
		for _, cloud := range clouds {
			row = append(row, w.where(cloud))
		}
		before := "-"
		if b := d.before.workload(w.name); b != nil {
			before = dollars(b.monthlyUSD)
		}
		rows = append(rows, append(row, dollars(w.monthlyUSD), before, policyOf(w)))
	}
	d.table(header, rows)
}

// policyOf names the policies of a workload's namespace.
func policyOf(w *workload) string {
	var out []string
	for _, policy := range w.example.Policies {
		if _, name, namespaced := strings.Cut(policy.Name, "/"); namespaced {
			out = append(out, name)
		}
	}
	return strings.Join(out, ", ")
}

// dollars of a month.
func dollars(usd float64) string { return fmt.Sprintf("%.2f", usd) }
