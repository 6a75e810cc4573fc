package state

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"tradewind.dev/tradewind/apis/v1alpha1"
	"tradewind.dev/tradewind/pkg/location"
	"tradewind.dev/tradewind/pkg/rules/policy"
	"tradewind.dev/tradewind/pkg/workload"
)

// pagedReader serves lists page by page, as an API server does.
type pagedReader struct {
	client.Reader
	nodes    []corev1.Node
	pods     []corev1.Pod
	sets     []appsv1.ReplicaSet
	policies []v1alpha1.PlacementPolicy
	// refuse answers for a kind of list with an error.
	refuse map[string]error
	// expireAt makes the continue token of that value expire once.
	expireAt string
	calls    []string
}

func (r *pagedReader) List(_ context.Context, list client.ObjectList, options ...client.ListOption) error {
	var o client.ListOptions
	o.ApplyOptions(options)
	kind := strings.TrimSuffix(reflect.TypeOf(list).Elem().Name(), "List")
	r.calls = append(r.calls, fmt.Sprintf("%s %d %q", kind, o.Limit, o.Continue))
	if err := r.refuse[kind]; err != nil {
		return err
	}
	if o.Continue != "" && o.Continue == r.expireAt {
		r.expireAt = ""
		return apierrors.NewResourceExpired("the continue token is too old")
	}
	switch list := list.(type) {
	case *corev1.NodeList:
		list.Items, list.Continue = page(r.nodes, &o)
	case *corev1.PodList:
		list.Items, list.Continue = page(r.pods, &o)
	case *appsv1.ReplicaSetList:
		list.Items, list.Continue = page(r.sets, &o)
	case *v1alpha1.PlacementPolicyList:
		list.Items, list.Continue = page(r.policies, &o)
	}
	return nil
}

func page[T any](items []T, o *client.ListOptions) ([]T, string) {
	from, _ := strconv.Atoi(o.Continue)
	if o.Limit == 0 || from+int(o.Limit) >= len(items) {
		return items[from:], ""
	}
	to := from + int(o.Limit)
	return items[from:to], strconv.Itoa(to)
}

func collectable(pods int) *pagedReader {
	r := &pagedReader{refuse: map[string]error{}}
	r.nodes = []corev1.Node{{
		ObjectMeta: metav1.ObjectMeta{Name: "n1", Labels: map[string]string{
			corev1.LabelTopologyRegion: "eu-west-1", corev1.LabelTopologyZone: "eu-west-1a", corev1.LabelInstanceTypeStable: "m6i.large",
		}},
		Spec: corev1.NodeSpec{ProviderID: "aws:///eu-west-1a/i-0123456789abcdef0"},
	}}
	replicas := int32(9)
	r.sets = []appsv1.ReplicaSet{{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}, Spec: appsv1.ReplicaSetSpec{Replicas: &replicas}}}
	controller := true
	for i := range pods {
		r.pods = append(r.pods, corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "shop", Name: fmt.Sprintf("web-%d", i), UID: types.UID(strconv.Itoa(i)), Labels: map[string]string{"app": "web"},
				OwnerReferences: []metav1.OwnerReference{{Kind: "ReplicaSet", Name: "web", Controller: &controller}},
			},
			Spec: corev1.PodSpec{NodeName: "n1"},
		})
	}
	r.policies = []v1alpha1.PlacementPolicy{{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "p"}, Spec: v1alpha1.PolicySpec{Residency: &v1alpha1.Residency{Jurisdictions: []string{"EU"}}},
	}}
	return r
}

var collectTime = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func TestCollect(t *testing.T) {
	for _, c := range []struct {
		name, expireAt string
		size           int64
	}{{"one page", "", 0}, {"pages", "", 3}, {"an expired page", "6", 3}} {
		t.Run(c.name, func(t *testing.T) {
			reader := collectable(7)
			reader.expireAt = c.expireAt
			progress := map[string]int{}
			s, err := Collect(context.Background(), reader, CollectOptions{
				Location: location.DefaultOptions(), PageSize: c.size, Progress: func(resource string, n int) { progress[resource] = n },
			}, collectTime)
			if err != nil {
				t.Fatal(err)
			}
			if len(s.Pods) != 7 || progress["pods"] != 7 || len(s.Gaps) != 0 || !s.Time.Equal(collectTime) {
				t.Errorf("%d pods, progress %v, gaps %v, time %s; calls %q", len(s.Pods), progress, s.Gaps, s.Time, reader.calls)
			}
			view := s.Workload(workload.Key{Namespace: "shop", Name: "web"})
			if view == nil || view.Placed() != 7 || len(view.Classes) != 1 || view.Classes[0].Class.Region != "eu-west-1" {
				t.Errorf("the store holds %+v", view)
			}
			if got := s.Revision(workload.Key{Kind: "ReplicaSet", Namespace: "shop", Name: "web"}).Desired; got != 9 {
				t.Errorf("desired replicas %d, want 9", got)
			}
			rules, ok := s.Rules(s.Pods[0])
			if !ok || len(rules.Residency) != 1 {
				t.Errorf("rules %+v, %v", rules, ok)
			}
		})
	}
}

func TestCollectGoesOnWithout(t *testing.T) {
	forbidden := func(resource string) error {
		return apierrors.NewForbidden(schema.GroupResource{Resource: resource}, "", errors.New("no"))
	}
	unknown := &meta.NoKindMatchError{GroupKind: schema.GroupKind{Group: "tradewind.dev", Kind: "PlacementPolicy"}}
	for _, c := range []struct {
		name     string
		refuse   map[string]error
		want     []string // in the gaps' messages
		missing  bool
		wantFail string
	}{
		{"no definitions", map[string]error{"PlacementPolicy": unknown, "PriceList": unknown},
			[]string{"kubectl apply -f deploy/crds", "prices are the built-in catalog's"}, true, ""},
		{"forbidden replica sets", map[string]error{"ReplicaSet": forbidden("replicasets")},
			[]string{"replicasets.apps may not be listed, so how many replicas its workloads want is counted from their pods; grant the verb list on replicasets.apps"}, false, ""},
		{"forbidden policies", map[string]error{"PlacementPolicy": forbidden("placementpolicies")}, []string{"its rules are left out"}, false, ""},
		{"forbidden nodes", map[string]error{"Node": forbidden("nodes")}, nil, false, "grant the verb list on nodes in all namespaces"},
		{"unknown pods", map[string]error{"Pod": unknown}, nil, false, "list pods: "},
		{"a failing server", map[string]error{"Job": errors.New("boom")}, nil, false, "list jobs.batch: boom"},
	} {
		t.Run(c.name, func(t *testing.T) {
			reader := collectable(2)
			reader.refuse = c.refuse
			s, err := Collect(context.Background(), reader, CollectOptions{Location: location.DefaultOptions()}, collectTime)
			if c.wantFail != "" {
				if err == nil || !strings.Contains(err.Error(), c.wantFail) {
					t.Fatalf("error %v, want %q", err, c.wantFail)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(s.Gaps) != len(c.refuse) {
				t.Fatalf("gaps %+v", s.Gaps)
			}
			all := fmt.Sprint(s.Gaps)
			for _, want := range c.want {
				if !strings.Contains(all, want) {
					t.Errorf("gaps %s do not say %q", all, want)
				}
			}
			for _, gap := range s.Gaps {
				if gap.Missing != c.missing {
					t.Errorf("gap %+v: missing %v", gap, gap.Missing)
				}
			}
		})
	}
}

// TestCollectForExplanations checks that what explanations alone need is read on request, and that a cluster of an older
// version, which cannot have such objects, lacks nothing.
func TestCollectForExplanations(t *testing.T) {
	for _, asked := range []bool{false, true} {
		reader := collectable(2)
		reader.refuse = map[string]error{
			"ResourceClaim": &meta.NoKindMatchError{GroupKind: schema.GroupKind{Group: "resource.k8s.io", Kind: "ResourceClaim"}},
			"CSINode":       apierrors.NewForbidden(schema.GroupResource{Resource: "csinodes"}, "", errors.New("no")),
		}
		s, err := Collect(context.Background(), reader, CollectOptions{Location: location.DefaultOptions(), Scheduling: asked}, collectTime)
		if err != nil {
			t.Fatal(err)
		}
		read := strings.Join(reader.calls, "\n")
		for _, kind := range []string{"Placement ", "CSINode ", "CSIDriver ", "CSIStorageCapacity ", "ResourceClaim ", "ResourceSlice ", "DeviceClass "} {
			if strings.Contains(read, kind) != asked {
				t.Errorf("asked for %t: read\n%s", asked, read)
			}
		}
		const want = "csinodes.storage.k8s.io may not be listed, so whether nodes can attach volumes is not known"
		if asked && (len(s.Gaps) != 1 || !strings.HasPrefix(s.Gaps[0].Message, want)) || !asked && len(s.Gaps) > 0 {
			t.Errorf("asked for %t: gaps %+v", asked, s.Gaps)
		}
	}
}

func TestCallees(t *testing.T) {
	s, err := Collect(context.Background(), collectable(2), CollectOptions{Location: location.DefaultOptions()}, collectTime)
	if err != nil {
		t.Fatal(err)
	}
	views := s.Callees(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop"}}, []policy.Traffic{
		{Name: "web"}, {Namespace: "shop", Name: "web"}, {Namespace: "ops", Name: "web"},
	})
	if len(views) != 3 || views[0] == nil || views[1] == nil || views[0].Placed() != 2 || views[1].Placed() != 2 || views[2] != nil {
		t.Errorf("callees %+v", views)
	}
}
