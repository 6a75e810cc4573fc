// Package install holds tests of the installation: it has no code.
package install

import (
	"os"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"tradewind.dev/tradewind/deploy"
)

// object is one object of the installation.
type object struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name      string            `json:"name"`
		Namespace string            `json:"namespace"`
		Labels    map[string]string `json:"labels"`
	} `json:"metadata"`
	text []byte
}

// build builds a kustomization, as kubectl does.
func build(t *testing.T, files filesys.FileSystem, path string) []object {
	t.Helper()
	result, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(files, path)
	if err != nil {
		t.Fatal(err)
	}
	var out []object
	for _, resource := range result.Resources() {
		text, err := resource.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		found := object{text: text}
		if err := yaml.Unmarshal(text, &found); err != nil {
			t.Fatal(err)
		}
		out = append(out, found)
	}
	return out
}

// all reads the objects of a kind, by namespace/name.
func all[T any](t *testing.T, objects []object, kind string) map[string]*T {
	t.Helper()
	out := map[string]*T{}
	for _, o := range objects {
		if o.Kind != kind {
			continue
		}
		into := new(T)
		if err := yaml.UnmarshalStrict(o.text, into); err != nil {
			t.Fatalf("%s %s: %v", kind, o.Metadata.Name, err)
		}
		out[strings.TrimPrefix(o.Metadata.Namespace+"/"+o.Metadata.Name, "/")] = into
	}
	if len(out) == 0 {
		t.Fatalf("the installation has no %s", kind)
	}
	return out
}

func installation(t *testing.T) []object {
	t.Helper()
	return build(t, filesys.MakeFsOnDisk(), ".")
}

// TestPodSecurity checks that the pods meet the restricted profile that their namespace enforces, and what else makes them
// safe to run.
func TestPodSecurity(t *testing.T) {
	objects := installation(t)
	namespaces := all[corev1.Namespace](t, objects, "Namespace")
	if namespaces["tradewind-system"] == nil || namespaces["tradewind-system"].Labels["pod-security.kubernetes.io/enforce"] != "restricted" {
		t.Error("the namespace tradewind-system does not enforce the profile restricted")
	}
	accounts := all[corev1.ServiceAccount](t, objects, "ServiceAccount")
	for name, deployment := range all[appsv1.Deployment](t, objects, "Deployment") {
		if *deployment.Spec.Replicas != 2 {
			t.Errorf("%s: %d replicas, want 2", name, *deployment.Spec.Replicas)
		}
		pod := deployment.Spec.Template.Spec
		if accounts["tradewind-system/"+pod.ServiceAccountName] == nil {
			t.Errorf("%s: there is no service account %q", name, pod.ServiceAccountName)
		}
		if pod.PriorityClassName != "system-cluster-critical" || len(pod.TopologySpreadConstraints) == 0 {
			t.Errorf("%s: not of high priority, or not spread", name)
		}
		security := pod.SecurityContext
		if security == nil || security.RunAsNonRoot == nil || !*security.RunAsNonRoot || security.SeccompProfile == nil || security.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
			t.Errorf("%s: security context %+v", name, security)
		}
		for _, container := range pod.Containers {
			own := container.SecurityContext
			if own == nil || *own.AllowPrivilegeEscalation || !*own.ReadOnlyRootFilesystem || !slices.Equal(own.Capabilities.Drop, []corev1.Capability{"ALL"}) {
				t.Errorf("%s/%s: security context %+v", name, container.Name, own)
			}
			if container.LivenessProbe == nil || container.ReadinessProbe == nil {
				t.Errorf("%s/%s: no probes", name, container.Name)
			}
			if container.Resources.Requests.Cpu().IsZero() || container.Resources.Requests.Memory().IsZero() || container.Resources.Limits.Memory().IsZero() {
				t.Errorf("%s/%s: resources %+v", name, container.Name, container.Resources)
			}
		}
	}
}

// TestSelectors checks that services and disruption budgets select the pods of their deployment, and by a port that exists.
func TestSelectors(t *testing.T) {
	objects := installation(t)
	deployments := all[appsv1.Deployment](t, objects, "Deployment")
	services, budgets := all[corev1.Service](t, objects, "Service"), all[policyv1.PodDisruptionBudget](t, objects, "PodDisruptionBudget")
	for name, deployment := range deployments {
		labels := deployment.Spec.Template.Labels
		if !equality.Semantic.DeepEqual(deployment.Spec.Selector.MatchLabels, labels) {
			t.Errorf("%s: selects %v, its pods have %v", name, deployment.Spec.Selector.MatchLabels, labels)
		}
		service := services[name]
		if service == nil || !equality.Semantic.DeepEqual(service.Spec.Selector, labels) {
			t.Fatalf("%s: service %+v", name, service)
		}
		if budgets[name] == nil || !equality.Semantic.DeepEqual(budgets[name].Spec.Selector.MatchLabels, labels) {
			t.Errorf("%s: disruption budget %+v", name, budgets[name])
		}
		ports := map[string]int32{}
		for _, port := range deployment.Spec.Template.Spec.Containers[0].Ports {
			ports[port.Name] = port.ContainerPort
		}
		if target := service.Spec.Ports[0].TargetPort.String(); ports[target] != service.Spec.Ports[0].Port {
			t.Errorf("%s: the service leads to port %s, the pods have %v", name, target, ports)
		}
		container := deployment.Spec.Template.Spec.Containers[0]
		for _, probe := range []*corev1.Probe{container.LivenessProbe, container.ReadinessProbe} {
			if ports[probe.HTTPGet.Port.String()] == 0 {
				t.Errorf("%s: probe of port %s, the pods have %v", name, probe.HTTPGet.Port.String(), ports)
			}
		}
	}
	if len(deployments) != 2 || len(services) != 2 || len(budgets) != 2 {
		t.Errorf("%d deployments, %d services, %d disruption budgets; want 2 of each", len(deployments), len(services), len(budgets))
	}
}

// TestSchedulerConfig checks that the scheduler is given the ready configuration, and the right to the lease that it names.
func TestSchedulerConfig(t *testing.T) {
	copied, err := os.ReadFile("scheduler-config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if string(copied) != string(deploy.SchedulerConfig) {
		t.Error("scheduler-config.yaml is not deploy/scheduler/config.yaml: copy it here (cp deploy/scheduler/config.yaml deploy/install/scheduler-config.yaml)")
	}
	var config struct {
		LeaderElection struct{ ResourceName, ResourceNamespace string }
	}
	if err := yaml.Unmarshal(deploy.SchedulerConfig, &config); err != nil {
		t.Fatal(err)
	}
	objects := installation(t)
	role := all[rbacv1.Role](t, objects, "Role")[config.LeaderElection.ResourceNamespace+"/tradewind-scheduler"]
	if role == nil || !slices.ContainsFunc(role.Rules, func(r rbacv1.PolicyRule) bool {
		return slices.Contains(r.ResourceNames, config.LeaderElection.ResourceName)
	}) {
		t.Errorf("the role %+v does not cover the lease %s", role, config.LeaderElection.ResourceName)
	}
	pod := all[appsv1.Deployment](t, objects, "Deployment")["tradewind-system/tradewind-scheduler"].Spec.Template.Spec
	name := pod.Volumes[0].ConfigMap.Name
	mounted := all[corev1.ConfigMap](t, objects, "ConfigMap")["tradewind-system/"+name]
	if mounted == nil || mounted.Data["config.yaml"] != string(copied) {
		t.Errorf("the scheduler mounts %q, which does not hold its configuration", name)
	}
	if want := "--config=" + pod.Containers[0].VolumeMounts[0].MountPath + "/config.yaml"; !slices.Contains(pod.Containers[0].Args, want) {
		t.Errorf("the scheduler's arguments %v lack %s", pod.Containers[0].Args, want)
	}
}

// TestImages checks that an overlay names other images as the kustomization's comment says.
func TestImages(t *testing.T) {
	objects := overlay(t, "resources: [INSTALL]\ncomponents: [INSTALL/components/prometheus]\n"+
		"images:\n- {name: tradewind/scheduler, newName: registry.local/tradewind/scheduler, newTag: v9}\n- {name: tradewind/controller, newName: registry.local/tradewind/controller, newTag: v9}\n")
	for name, deployment := range all[appsv1.Deployment](t, objects, "Deployment") {
		if image := deployment.Spec.Template.Spec.Containers[0].Image; !strings.HasPrefix(image, "registry.local/tradewind/") || !strings.HasSuffix(image, ":v9") {
			t.Errorf("%s runs %s", name, image)
		}
	}
	if !slices.ContainsFunc(objects, func(o object) bool { return o.Kind == "ServiceMonitor" }) {
		t.Error("the component prometheus adds no ServiceMonitor")
	}
}

// TestAlerts checks that both forms of the alert rules are the same, and that each alert says what to do.
func TestAlerts(t *testing.T) {
	type rules struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	var plain rules
	var wrapped struct{ Spec rules }
	for file, into := range map[string]any{"../alerts/tradewind.rules.yaml": &plain, "components/prometheus/prometheusrule.yaml": &wrapped} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(text, into); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	if !equality.Semantic.DeepEqual(plain, wrapped.Spec) {
		t.Error("components/prometheus/prometheusrule.yaml does not hold the rules of deploy/alerts/tradewind.rules.yaml")
	}
	if len(plain.Groups) == 0 {
		t.Fatal("no alerts")
	}
	for _, rule := range plain.Groups[0].Rules {
		if rule.Expr == "" || rule.For == "" || rule.Labels["severity"] == "" || rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" {
			t.Errorf("alert %s is not complete: %+v", rule.Alert, rule)
		}
	}
}
