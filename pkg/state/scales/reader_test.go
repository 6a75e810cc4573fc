package scales

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	testingclock "k8s.io/utils/clock/testing"

	"tradewind.dev/tradewind/pkg/workload"
)

// server is an API server that serves a kind with a scale subresource and one without.
type server struct {
	asked map[string]int
	fails bool
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.asked[r.URL.Path]++
	w.Header().Set("Content-Type", "application/json")
	answer := func(status int, object any) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(object) // of a test server to its client
	}
	refuse := func(err *apierrors.StatusError) { answer(int(err.ErrStatus.Code), err.ErrStatus) }
	resource := schema.GroupResource{Group: "apps.kruise.io", Resource: "clonesets"}
	scale := func(replicas int32) *autoscalingv1.Scale {
		return &autoscalingv1.Scale{TypeMeta: metav1.TypeMeta{APIVersion: "autoscaling/v1", Kind: "Scale"}, Spec: autoscalingv1.ScaleSpec{Replicas: replicas}}
	}
	const sets = "/apis/apps.kruise.io/v1alpha1/namespaces/shop/clonesets/"
	switch {
	case s.fails:
		refuse(apierrors.NewServiceUnavailable("down"))
	case r.URL.Path == "/apis/apps.kruise.io/v1alpha1":
		answer(http.StatusOK, &metav1.APIResourceList{GroupVersion: "apps.kruise.io/v1alpha1", APIResources: []metav1.APIResource{
			{Name: "clonesets", Kind: "CloneSet", Namespaced: true}, {Name: "clonesets/scale", Kind: "Scale", Namespaced: true},
			{Name: "broadcastjobs", Kind: "BroadcastJob", Namespaced: true},
		}})
	case r.URL.Path == sets+"web/scale":
		answer(http.StatusOK, scale(5))
	case r.URL.Path == sets+"none/scale":
		answer(http.StatusOK, scale(0))
	case r.URL.Path == sets+"secret/scale":
		refuse(apierrors.NewForbidden(resource, "secret", nil))
	case r.URL.Path == sets+"broken/scale":
		refuse(apierrors.NewInternalError(http.ErrBodyNotAllowed))
	default:
		refuse(apierrors.NewNotFound(resource, "gone"))
	}
}

// TestReader reads what scale subresources say, and why they do not.
func TestReader(t *testing.T) {
	api := &server{asked: map[string]int{}}
	listening := httptest.NewServer(api)
	defer listening.Close()
	config := &rest.Config{Host: listening.URL, QPS: -1}
	now := testingclock.NewFakePassiveClock(time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC))
	reader := newReader(dynamic.NewForConfigOrDie(config), discovery.NewDiscoveryClientForConfigOrDie(config), now)
	read := func(version, kind, name string) (workload.Scale, bool, error) {
		of := workload.Owner{Key: workload.Key{Kind: workload.KindIn(version, kind), Namespace: "shop", Name: name}, APIVersion: version}
		return reader.Scale(t.Context(), &of)
	}
	const kruise = "apps.kruise.io/v1alpha1"
	for _, tt := range []struct {
		version, kind, name string
		scale               workload.Scale
		ok                  bool
		err                 string
	}{
		{kruise, "CloneSet", "web", workload.Scale{Replicas: 5}, true, ""},
		{kruise, "CloneSet", "none", workload.Scale{}, true, ""},
		{kruise, "CloneSet", "gone", workload.Scale{}, false, ""},
		{kruise, "CloneSet", "secret", workload.Scale{
			Counted: "clonesets/scale.apps.kruise.io may not be read; grant the verb get on it (docs/placements.md)",
		}, true, ""},
		{kruise, "CloneSet", "broken", workload.Scale{}, true, "clonesets/scale.apps.kruise.io cannot be read: "},
		{kruise, "BroadcastJob", "web", workload.Scale{}, false, ""},
		{kruise, "Unheard", "web", workload.Scale{}, false, ""},
		{"other.example.com/v1", "CloneSet", "web", workload.Scale{}, false, ""},
		{"a/b/c", "CloneSet", "web", workload.Scale{}, false, ""},
	} {
		scale, ok, err := read(tt.version, tt.kind, tt.name)
		if scale != tt.scale || ok != tt.ok || (err == nil) != (tt.err == "") || err != nil && !strings.HasPrefix(err.Error(), tt.err) {
			t.Errorf("%s %s %s: %+v, %t, %v", tt.version, tt.kind, tt.name, scale, ok, err)
		}
	}
	if times := api.asked["/apis/apps.kruise.io/v1alpha1"]; times != 1 {
		t.Errorf("what is served was asked %d times", times)
	}
	api.fails = true
	now.SetTime(now.Now().Add(servedTime))
	if _, ok, err := read(kruise, "CloneSet", "web"); ok || err == nil || !strings.HasPrefix(err.Error(), "ask the API server what it serves of apps.kruise.io/v1alpha1: ") {
		t.Errorf("of a server that does not say what it serves: %t, %v", ok, err)
	}
}
