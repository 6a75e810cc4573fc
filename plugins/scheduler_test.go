package plugins_test

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"

	"tradewind.dev/tradewind/plugins/plugintest"
	"tradewind.dev/tradewind/plugins/topologyspread"
)

func arguments(plugin, json string) func(*config.KubeSchedulerProfile) {
	return func(p *config.KubeSchedulerProfile) {
		p.PluginConfig = slices.DeleteFunc(p.PluginConfig, func(c config.PluginConfig) bool { return c.Name == plugin })
		p.PluginConfig = append(p.PluginConfig, config.PluginConfig{Name: plugin, Args: &runtime.Unknown{Raw: []byte(json)}})
	}
}

// kube-scheduler makes plugins in any order; cloudLabels held only where the plugin that named them came first.
func TestCloudLabelsHoldWhicheverPluginNamesThem(t *testing.T) {
	node := plugintest.Labelled(plugintest.Unknown("node"), map[string]string{"shop.example/provider": "aws", corev1.LabelTopologyRegion: "eu-west-1"})
	for range 20 { // the order is that of a map
		for name := range plugintest.New(t).Plugins {
			if name == topologyspread.Name { // its arguments are Kubernetes'
				continue
			}
			c := plugintest.New(t, arguments(name, `{"cloudLabels": ["shop.example/provider"]}`)).Set(node)
			if known, _ := c.Live.NodeNamed("node"); known.Class.Cloud != "aws" {
				t.Fatalf("named by %s: the node is in cloud %q", name, known.Class.Cloud)
			}
		}
	}
}

// What a second profile names holds for all, and what profiles cannot agree on is refused.
func TestCloudLabelsHoldForAllProfiles(t *testing.T) {
	c := plugintest.New(t)
	if err := c.Another("tradewind-cost", arguments("TradewindLatency", `{"cloudLabels": ["shop.example/provider", "shop.example/pool=aws"]}`)); err != nil {
		t.Fatal(err)
	}
	c.Set(plugintest.Labelled(plugintest.Unknown("node"), map[string]string{"shop.example/provider": "aws", corev1.LabelTopologyRegion: "eu-west-1"}))
	if known, _ := c.Live.NodeNamed("node"); known.Class.Cloud != "aws" {
		t.Errorf("the node is in cloud %q", known.Class.Cloud)
	}
	const want = "profile third: pluginConfig args: cloudLabels: shop.example/pool: the scheduler's plugins say shop.example/pool=aws and shop.example/pool=gcp; they must agree"
	if err := c.Another("third", arguments("TradewindCost", `{"cloudLabels": ["shop.example/pool=gcp"]}`)); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %s", err, want)
	}
	const twoAims = "profile fourth: pluginConfig args: optimizeFor: the profile's plugins say Cost and Latency; say it once"
	err := c.Another("fourth", arguments("TradewindCost", `{"optimizeFor": "Cost"}`), arguments("TradewindLatency", `{"optimizeFor": "Latency"}`))
	if err == nil || !strings.Contains(err.Error(), twoAims) {
		t.Errorf("error %v, want %s", err, twoAims)
	}
}

// A pod whose place was chosen counts, whichever of the plugins are enabled, and once.
func TestChosenPodsCountWithoutAnyOnePlugin(t *testing.T) {
	without := func(name string) func(*config.KubeSchedulerProfile) {
		return func(p *config.KubeSchedulerProfile) {
			is := func(plugin config.Plugin) bool { return plugin.Name == name }
			p.Plugins.Filter.Enabled = slices.DeleteFunc(p.Plugins.Filter.Enabled, is)
			p.Plugins.MultiPoint.Enabled = slices.DeleteFunc(p.Plugins.MultiPoint.Enabled, is)
		}
	}
	names := []string{""}
	for name := range plugintest.New(t).Plugins {
		names = append(names, name)
	}
	const policy = "workloadSelector: {matchLabels: {app: web}}\ncost: {maxHourlyUSD: \"0.04\"}"
	for _, name := range names {
		c := plugintest.New(t, without(name)).Policy("web", policy).Set(plugintest.AWS("aws", "eu-west-1a", "m5.large"))
		first, second := plugintest.Replica("web-1", "web", ""), plugintest.Replica("web-2", "web", "")
		c.Set(first, second)
		ceiling := func() bool { return len(c.Cycle(second).Refused()) > 0 }
		if ceiling() {
			t.Fatalf("without %s: one replica costs %v, which is over the ceiling", name, c.Cycle(second).Refused())
		}
		cycle := c.Cycle(first)
		if status := cycle.Reserve("aws"); !status.IsSuccess() {
			t.Fatal(status.AsError())
		}
		if name != "TradewindCost" && !ceiling() {
			t.Errorf("without %s: the next pod does not see the one whose place was just chosen", name)
		}
		if view := c.Live.Revision(cycle.Revision()); view.Placed() != 1 {
			t.Errorf("without %s: it counts %d times", name, view.Placed())
		}
		cycle.Unreserve("aws")
		if view := c.Live.Revision(cycle.Revision()); view.Placed() != 0 || ceiling() {
			t.Errorf("without %s: %d placed after the choice was taken back", name, view.Placed())
		}
	}
}

// Nothing is placed before everything was read: not under rules that may only not have been read yet.
func TestNothingIsPlacedBeforeEverythingWasRead(t *testing.T) {
	c := plugintest.Unread(t).Set(plugintest.AWS("aws", "eu-west-1a", "m5.large"))
	pod := plugintest.Replica("web-1", "web", "")
	c.Set(pod)
	cycle := c.Cycle(pod)
	if cycle.Status.Code() != fwk.Error || len(c.Framework.SignPod(t.Context(), pod, false)) != 0 {
		t.Errorf("before: status %s, signature %q", cycle.Status.Code(), c.Framework.SignPod(t.Context(), pod, false))
	}
	c.Live.SetReady()
	if cycle := c.Cycle(pod); !cycle.Status.IsSuccess() {
		t.Errorf("after: %v", cycle.Status)
	}
	if !slices.Equal(c.Woken, []string{"shop/web-1"}) {
		t.Errorf("woken %v", c.Woken)
	}
}

// A policy may select namespaces by labels that are not known yet.
func TestNothingIsPlacedInANamespaceThatWasNotRead(t *testing.T) {
	c := plugintest.New(t).ClusterPolicy("eu", "namespaceSelector: {matchLabels: {data: personal}}\nworkloadSelector: {}\nresidency: {jurisdictions: [EU]}")
	c.Set(plugintest.AWS("virginia", "us-east-1a", "m5.large"))
	pod := plugintest.Replica("web-1", "web", "")
	if cycle := c.Cycle(pod); cycle.Status.Code() != fwk.Error {
		t.Errorf("status %s", cycle.Status.Code())
	}
	c.Set(plugintest.Namespace("shop", map[string]string{"data": "personal"}))
	if refused := c.Cycle(pod).Refused(); refused["virginia"] != "outside residency EU" {
		t.Errorf("refused %v", refused)
	}
}
