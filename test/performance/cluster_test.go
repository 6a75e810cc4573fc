package performance

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"text/template"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/kubernetes/test/utils/ktesting"
	"sigs.k8s.io/yaml"

	"tradewind.dev/tradewind/test/testbed/nodes"
)

// kind is what owns the pods of a workload.
type kind struct {
	Name, APIVersion string
	resource         schema.GroupVersionResource
	file             string
}

var (
	jobs = kind{
		Name: "Job", APIVersion: "batch/v1", file: "testdata/job.yaml",
		resource: schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "jobs"},
	}
	replicaSets = kind{
		Name: "ReplicaSet", APIVersion: "apps/v1", file: "testdata/replicaset.yaml",
		resource: schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "replicasets"},
	}
)

// application is an owner, its policy and its pods.
type application struct {
	Namespace, Name, Profile string
	Kind                     kind
	Replicas                 int
	// CPU and Memory are what a replica asks for, as Kubernetes quantities.
	CPU, Memory string
	// PodTemplate is the file that the harness makes the pods from. It is written once the owner exists.
	PodTemplate string
	UID         string
}

// prepare makes the cluster ready for the pods: CustomResourceDefinitions, nodes and, for each workload, its namespace,
// owner and policy. It is the same for every profile.
func prepare(tCtx ktesting.TContext, workloads []*application) error {
	if err := installDefinitions(tCtx); err != nil {
		return err
	}
	if err := createNodes(tCtx, *nodeCount); err != nil {
		return err
	}
	for _, w := range workloads {
		if err := w.create(tCtx); err != nil {
			return fmt.Errorf("workload %s/%s: %w", w.Namespace, w.Name, err)
		}
	}
	return nil
}

var (
	definitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	policies    = schema.GroupVersionResource{Group: "tradewind.dev", Version: "v1alpha1", Resource: "placementpolicies"}
)

// installDefinitions creates Tradewind's CustomResourceDefinitions and waits until their objects can be made.
func installDefinitions(tCtx ktesting.TContext) error {
	files, err := filepath.Glob("../../deploy/crds/*.yaml")
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no CustomResourceDefinitions in deploy/crds: %w", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(text, &object.Object); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if _, err := tCtx.Dynamic().Resource(definitions).Create(tCtx, object, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	for deadline := time.Now().Add(4 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		_, err := tCtx.Dynamic().Resource(policies).List(tCtx, metav1.ListOptions{})
		if err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// createNodes makes count nodes in the proportions of testdata/nodes.yaml, as their clouds make them.
func createNodes(tCtx ktesting.TContext, count int) error {
	file, err := nodes.Read("testdata/nodes.yaml")
	if err != nil {
		return err
	}
	for i := range file.Pools {
		scaled := *file.Pools[i].Count * count / 100
		file.Pools[i].Count = &scaled
	}
	made, err := nodes.Build(file.Pools, nil)
	if err != nil {
		return err
	}
	if len(made) != count {
		return fmt.Errorf("testdata/nodes.yaml makes %d nodes of %d; give -nodes a multiple of 100", len(made), count)
	}
	var failure atomic.Pointer[error]
	workqueue.ParallelizeUntil(tCtx, 16, count, func(i int) {
		made[i].Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
		if _, err := tCtx.Client().CoreV1().Nodes().Create(tCtx, made[i], metav1.CreateOptions{}); err != nil {
			failure.Store(&err)
		}
	})
	if err := failure.Load(); err != nil {
		return fmt.Errorf("create nodes: %w", *err)
	}
	return nil
}

func (w *application) create(tCtx ktesting.TContext) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.Namespace}}
	if _, err := tCtx.Client().CoreV1().Namespaces().Create(tCtx, namespace, metav1.CreateOptions{}); err != nil &&
		!apierrors.IsAlreadyExists(err) {
		return err
	}
	owner, err := w.apply(tCtx, w.Kind.resource, w.Kind.file)
	if err != nil {
		return err
	}
	if _, err := w.apply(tCtx, policies, "testdata/policy.yaml"); err != nil {
		return err
	}
	w.UID = string(owner.GetUID())
	text, err := render("testdata/pod.yaml", w)
	if err != nil {
		return err
	}
	return os.WriteFile(w.PodTemplate, text, 0o600)
}

func (w *application) apply(tCtx ktesting.TContext, resource schema.GroupVersionResource, file string) (*unstructured.Unstructured, error) {
	text, err := render(file, w)
	if err != nil {
		return nil, err
	}
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal(text, &object.Object); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	created, err := tCtx.Dynamic().Resource(resource).Namespace(w.Namespace).Create(tCtx, object, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return created, nil
}

func render(file string, data any) ([]byte, error) {
	parsed, err := template.ParseFiles(file)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := parsed.Execute(&out, data); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
