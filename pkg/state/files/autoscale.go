package files

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"tradewind.dev/tradewind/pkg/workload"
)

// Autoscaler is what is read of a HorizontalPodAutoscaler, and of KEDA's ScaledObject: whose number of replicas it sets, and
// within which range.
type Autoscaler struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		ScaleTargetRef struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
			Name       string `json:"name"`
		} `json:"scaleTargetRef"`
		// MinReplicas and MaxReplicas are a HorizontalPodAutoscaler's.
		MinReplicas *int32 `json:"minReplicas"`
		MaxReplicas *int32 `json:"maxReplicas"`
		// MinReplicaCount and MaxReplicaCount are a ScaledObject's.
		MinReplicaCount *int32 `json:"minReplicaCount"`
		MaxReplicaCount *int32 `json:"maxReplicaCount"`
	} `json:"spec"`
}

// kedaMaxReplicas is how many replicas a ScaledObject that does not say has at most (KEDA documentation, ScaledObject
// specification, maxReplicaCount).
const kedaMaxReplicas = 100

// target is the workload whose replicas it sets.
func (a *Autoscaler) target(namespace string) workload.Key {
	ref := a.Spec.ScaleTargetRef
	return workload.Key{Kind: workload.KindIn(ref.APIVersion, cmp.Or(ref.Kind, workload.Deployment)), Namespace: namespace, Name: ref.Name}
}

// limits are the fewest and most replicas, of those that run at all: KEDA may let none run.
func (a *Autoscaler) limits() (fewest, most int) {
	fewest, most = 1, kedaMaxReplicas
	for _, at := range []*int32{a.Spec.MinReplicas, a.Spec.MinReplicaCount} {
		if at != nil {
			fewest = max(int(*at), 1)
		}
	}
	for _, at := range []*int32{a.Spec.MaxReplicas, a.Spec.MaxReplicaCount} {
		if at != nil {
			most = int(*at)
		}
	}
	return fewest, max(fewest, most)
}

// written says whether an object gives its number of replicas itself.
func written(object *Object) bool {
	switch typed := object.Value.(type) {
	case *appsv1.Deployment:
		return typed.Spec.Replicas != nil
	case *appsv1.StatefulSet:
		return typed.Spec.Replicas != nil
	case *appsv1.ReplicaSet:
		return typed.Spec.Replicas != nil
	case *corev1.ReplicationController:
		return typed.Spec.Replicas != nil
	case *Rollout:
		return typed.Spec.Replicas != nil
	case *Scaled:
		return typed.Spec.Replicas != nil
	}
	return true
}

// autoscaled gives workloads whose number of replicas an autoscaler sets one that it would set, and says so: at the workload
// where that is another number than its own, and in one note where it is not.
func (b *assembly) autoscaled() {
	scalers := map[workload.Key]*Object{}
	for _, object := range b.set.Objects {
		if scaler, ok := object.Value.(*Autoscaler); ok && !object.Refused {
			if key := scaler.target(object.Namespace); scalers[key] == nil {
				scalers[key] = object
			}
		}
	}
	var within []string
	for i := range b.out.Workloads {
		w := &b.out.Workloads[i]
		scaler := scalers[w.Key]
		if scaler == nil {
			continue
		}
		fewest, most := scaler.Value.(*Autoscaler).limits()
		object := b.named[Name(w.Kind, w.Namespace, w.Name)]
		own := w.Replicas
		switch {
		case object != nil && !written(object):
			w.Replicas = fewest
		case own > 0: // an autoscaler leaves a workload alone that was scaled to nothing
			w.Replicas = min(max(own, fewest), most)
		}
		if object == nil || w.Replicas == own && written(object) {
			within = append(within, fmt.Sprintf("%s/%s (%d of %d to %d)", w.Namespace, w.Name, w.Replicas, fewest, most))
			continue
		}
		b.warn(object, "spec.replicas", fmt.Sprintf("%s %s sets the number of replicas, from %d to %d, and not the manifest: %d are planned; --scale %s/%s=N plans another number",
			scaler.Kind, scaler.Name, fewest, most, w.Replicas, w.Namespace, w.Name))
	}
	if len(within) > 0 {
		slices.Sort(within)
		b.out.Notes = append(b.out.Notes, "autoscalers set how many replicas run of "+strings.Join(within, ", ")+"; --scale plans another number")
	}
}

// Rollout is what is read of Argo Rollouts' Deployment.
type Rollout struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Replicas *int32                 `json:"replicas"`
		Template corev1.PodTemplateSpec `json:"template"`
		// WorkloadRef names the Deployment whose template it takes.
		WorkloadRef *struct {
			Kind string `json:"kind"`
			Name string `json:"name"`
		} `json:"workloadRef"`
	} `json:"spec"`
}

// rollouts adds the Rollouts to the workloads. One that takes the template of a Deployment that the files do not hold is known by
// its ReplicaSets alone, if at all.
func (b *assembly) rollouts() {
	for _, object := range b.set.Objects {
		rollout, ok := object.Value.(*Rollout)
		if !ok || object.Refused {
			continue
		}
		template := &rollout.Spec.Template
		if ref := rollout.Spec.WorkloadRef; ref != nil {
			of := b.named[Name(cmp.Or(ref.Kind, workload.Deployment), object.Namespace, ref.Name)]
			if of == nil {
				b.warn(object, "spec.workloadRef", fmt.Sprintf("the files have no %s %s, so its pods are not planned", cmp.Or(ref.Kind, workload.Deployment), ref.Name))
				continue
			}
			deployment, ok := of.Value.(*appsv1.Deployment)
			if !ok {
				b.warn(object, "spec.workloadRef", "names no Deployment that can be read, so its pods are not planned")
				continue
			}
			template = &deployment.Spec.Template
		}
		replicas := 1
		if rollout.Spec.Replicas != nil {
			replicas = int(*rollout.Spec.Replicas)
		}
		b.lists.Declared = append(b.lists.Declared, workload.Workload{
			Key:        workload.Key{Kind: workload.Rollout, Namespace: object.Namespace, Name: object.Name},
			APIVersion: rollout.APIVersion, UID: rollout.UID, Replicas: replicas, Template: template,
		})
	}
}
