package check

import (
	"slices"
	"strings"
	"testing"

	"tradewind.dev/tradewind/test/chaos/history"
)

// TestViolations feeds the checker histories that break each rule, and the like ones that do not: a checker that cannot fail
// proves nothing, and neither does one that cannot pass.
func TestViolations(t *testing.T) {
	noRebalance := func(r *history.Rules) { r.Rebalance = false }
	for _, c := range []struct {
		name string
		tale *tale
		want string // RULE OBJECT, of each violation
	}{
		{"nothing happens", begin(), ""},

		{"bound abroad", begin().bind("web-3", "us-1"), "residency shop/web-3"},
		{"bound abroad by a wrong label", begin().state(history.Alive, "us-1").bind("web-3", "us-1"), "residency shop/web-3"},
		{"bound to a node that the suite never made", begin().bind("web-3", "stranger"), "residency shop/web-3"},
		{"bound at home", begin().bind("web-3", "gcp-1"), ""},
		{"bound abroad, the policy is new", begin().without(func(r *history.Rules) { r.Countries = nil }).after(60).
			without(func(r *history.Rules) { r.Countries = []string{"IE"} }).after(3).bind("web-3", "us-1"), ""},
		{"bound abroad, the policy has been there for long", begin().without(func(r *history.Rules) { r.Countries = nil }).after(60).
			without(func(r *history.Rules) { r.Countries = []string{"IE"} }).after(30).bind("web-3", "us-1"), "residency shop/web-3"},
		{"bound abroad, the scheduler heard nothing of the policy", begin().without(func(r *history.Rules) { r.Countries = nil }).after(60).
			trouble("tradewind-scheduler", true).after(1).without(func(r *history.Rules) { r.Countries = []string{"IE"} }).after(30).
			trouble("tradewind-scheduler", false).after(1).bind("web-3", "us-1"), ""},
		{"bound in the wrong cloud", begin().without(func(r *history.Rules) { r.Clouds = []string{"gcp"} }).after(60).bind("web-3", "aws-1"),
			"residency shop/web-3"},

		{"failed over from a lost zone", begin().state(history.Dead, "aws-1").after(15).deletes("web-1"), ""},
		{"failed over from a living node", begin().deletes("web-1"), "healthy shop/web-1"},
		{"failed over from nodes that are cut off", begin().state(history.CutOff, "aws-1", "aws-2", "gcp-1", "us-1").after(20).deletes("web-1"),
			"healthy shop/web-1"},
		{"the request was refused", begin().write("tradewind-controller-1", "delete", "pods", "web-1", 403), ""},
		{"failed over from a node that has been back for long", begin().state(history.Dead, "aws-1").after(15).state(history.Alive, "aws-1").
			after(20).deletes("web-1"), "healthy shop/web-1"},
		{"failed over from a node that has just come back", begin().state(history.Dead, "aws-1").after(15).state(history.Alive, "aws-1").
			after(2).deletes("web-1"), ""},
		{"failed over from a node that has been back while the controller heard nothing", begin().state(history.Dead, "aws-1").after(15).
			trouble("tradewind-controller-1", true).after(1).state(history.Alive, "aws-1").after(20).deletes("web-1"), ""},
		{"failed over from a node that has been back while the controller could not watch", begin().state(history.Dead, "aws-1").after(15).
			spoilt("tradewind-controller-1", true).trouble("tradewind-controller-1", true).after(0.1).trouble("tradewind-controller-1", false).
			after(1).state(history.Alive, "aws-1").after(15).spoilt("tradewind-controller-1", false).after(10).deletes("web-1"), ""},
		{"failed over from a node that has been back while requests failed and news came", begin().state(history.Dead, "aws-1").after(15).
			spoilt("tradewind-controller-1", true).after(1).state(history.Alive, "aws-1").after(20).deletes("web-1"), "healthy shop/web-1"},
		{"failed over from a node that came back before the API server was away", begin().state(history.Dead, "aws-1").after(15).
			state(history.Alive, "aws-1").after(20).trouble("control-plane", true).after(5).trouble("control-plane", false).after(1).
			deletes("web-1"), "healthy shop/web-1"},
		{"failed over from one dead node of its zone", begin().node(history.Node{Name: "aws-3", Cloud: "aws", Region: "eu-west-1", Zone: "a",
			State: history.Alive, InstanceType: "large"}).after(30).state(history.Dead, "aws-1").after(15).deletes("web-1"), "healthy shop/web-1"},
		{"failed over without failover", begin().without(func(r *history.Rules) { r.Failover = false }).after(60).
			state(history.Dead, "aws-1").after(15).deletes("web-1"), "unasked shop/web-1"},
		{"the scheduler deletes", begin().write("tradewind-scheduler", "delete", "pods", "web-1", 200), "foreign-write shop/web-1"},

		{"moved for the plan", begin().evicts("web-1"), ""},
		{"moved from where the plan wants it", begin().plan("u", 2, "aws eu-west-1 large", 2).after(30).evicts("web-1"), "healthy shop/web-1"},
		{"moved just after the plan changed", begin().plan("u", 2, "aws eu-west-1 large", 2).after(1).evicts("web-1"), ""},
		{"moved for a plan that nobody has seen", begin().plan("u", 2, "aws eu-west-1 large", 2).after(30).spoilt("tradewind-controller-1", true).
			after(1).evicts("web-1"), ""},
		{"moved without rebalance", begin().without(noRebalance).after(60).evicts("web-1"), "unasked shop/web-1"},
		{"moved back after a failover", begin().without(noRebalance).after(60).state(history.Dead, "aws-1").after(15).deletes("web-1").
			after(1).gone("web-1").bind("web-3", "gcp-1").after(20).state(history.Alive, "aws-1").after(60).
			plan("u", 2, "aws eu-west-1 large", 2).after(10).evicts("web-3"), ""},
		{"more moved back than were failed over", begin().without(noRebalance).after(60).state(history.Dead, "aws-1").after(15).deletes("web-1").
			after(1).gone("web-1").bind("web-3", "gcp-1").after(20).state(history.Alive, "aws-1").after(60).evicts("web-2").
			bind("web-4", "gcp-1").after(60).plan("u", 2, "aws eu-west-1 large", 2).after(10).evicts("web-3"), "unasked shop/web-3"},
		{"moved while another cloud is lost", begin().state(history.Dead, "us-1").after(60).evicts("web-1"),
			"damping shop/web-1, one-move Deployment shop/web"},
		{"moved before anybody knew that another cloud is lost", begin().state(history.Dead, "us-1").after(5).evicts("web-1"), ""},
		{"moved and moved again", begin().evicts("web-1").bind("web-3", "gcp-1").after(30).plan("u", 2, "aws eu-west-1 large", 2).after(10).
			evicts("web-3"), "damping shop/web-3"},
		{"moved and moved again after its time", begin().evicts("web-1").bind("web-3", "gcp-1").after(70).plan("u", 2, "aws eu-west-1 large", 2).
			after(10).evicts("web-3"), ""},
		{"moved and moved again for a new policy", begin().evicts("web-1").bind("web-3", "gcp-1").after(30).
			without(func(r *history.Rules) { r.Countries = []string{"IE"} }).plan("u", 2, "aws eu-west-1 large", 2).after(10).evicts("web-3"), ""},
		{"two at a time", begin().evicts("web-1").wait("web-3").after(20).evicts("web-2"), "budget shop/web-2"},
		{"one after the other", begin().evicts("web-1").bind("web-3", "gcp-1").after(2).evicts("web-2"), ""},

		{"moved twice in an outage", begin().state(history.Dead,
			"aws-1").after(15).deletes("web-1").after(1).gone("web-1").bind("web-3", "aws-2").
			after(15).deletes("web-3"), "healthy shop/web-3, one-move Deployment shop/web"},

		{"decisions lost", begin().plan("u", 2), "decisions Deployment shop/web"},
		{"decisions lost, and no replica runs", begin().gone("web-1").gone("web-2").plan("u", 2), ""},
		{"decisions lost, and no place is left", begin().state(history.Dead, "aws-1", "aws-2", "gcp-1").plan("u", 2), ""},
		{"decisions lost after all was cut off", begin().state(history.CutOff, "aws-1", "aws-2", "gcp-1", "us-1").after(30).
			state(history.Alive, "aws-1", "aws-2", "gcp-1", "us-1").after(1).plan("u", 2), "decisions Deployment shop/web"},
		{"scaled to none", begin().plan("u", 0), ""},
		{"a new Placement", begin().plan("v", 2), ""},

		{"a living node fenced", begin().fence("aws-1"), "fence aws-1"},
		{"a node that is cut off fenced", begin().state(history.CutOff, "aws-1").after(30).fence("aws-1"), "fence aws-1"},
		{"a node fenced at once", begin().state(history.Dead, "aws-1").after(2).fence("aws-1"), "fence aws-1"},
		{"a dead node fenced", begin().state(history.Dead, "aws-1").after(15).fence("aws-1"), ""},

		{"a replica of a StatefulSet runs twice",
			begin().run("shop/db-0", "1", "aws-1", true).run("shop/db-0", "2", "gcp-1", true), "twice shop/db-0"},
		{"a replica of a StatefulSet moves", begin().run("shop/db-0", "1", "aws-1", true).run("shop/db-0", "1", "aws-1", false).
			run("shop/db-0", "2", "gcp-1", true), ""},
		{"replicas of a Deployment", begin().run("", "1", "aws-1", true).run("", "2", "gcp-1", true), ""},

		{"not ready in time", begin().quiet(false, "Deployment shop/web"), "ready Deployment shop/web"},
		{"ready in time", begin().quiet(true), ""},
		{"a secret in a log", begin().add(history.Event{Log: &history.Log{Program: "tradewind-scheduler", Line: 3, What: "a token"}}),
			"log tradewind-scheduler"},
		{"memory leaks", begin().usage(100, 20, 300).usage(450, 20, 300).usage(460, 20, 300), "leak tradewind-scheduler"},
		{"files leak", begin().usage(100, 20, 300).usage(100, 90, 300).usage(100, 90, 300), "leak tradewind-scheduler"},
		{"goroutines leak", begin().usage(100, 20, 300).usage(100, 20, 800).usage(100, 20, 800), "leak tradewind-scheduler"},
		{"a peak is no leak", begin().usage(100, 20, 300).usage(450, 90, 800).usage(100, 20, 300).usage(450, 20, 300), ""},
	} {
		var got []string
		for _, v := range Check(c.tale.events).Violations {
			got = append(got, v.Rule+" "+v.Object)
		}
		slices.Sort(got)
		if text := strings.Join(slices.Compact(got), ", "); text != c.want {
			t.Errorf("%s: found %q, want %q", c.name, text, c.want)
		}
	}
}

func TestCounts(t *testing.T) {
	r := Check(begin().bind("web-3", "us-1").evicts("web-1").events)
	if r.Binds != 3 || r.Moves != 1 || r.Count(RuleResidency) != 1 || r.Count(RuleBudget) != 0 {
		t.Errorf("%+v", r)
	}
}

// TestWords checks what a person is told.
func TestWords(t *testing.T) {
	r := Check(begin().bind("web-3", "us-1").events)
	const want = "12:02:00.000 residency shop/web-3: Deployment shop/web is bound to us-1, which truly is in US of azure; allowed are IE, BE "
	if len(r.Violations) != 1 || r.Violations[0].String() != want {
		t.Errorf("got %q", r.Violations)
	}
}
