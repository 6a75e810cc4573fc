package files

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	resourcev1 "k8s.io/api/resource/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	sigsjson "sigs.k8s.io/json"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// ClusterProfile is what is read of the Cluster Inventory API's object of this name: which clusters there are, and
// whether they are healthy.
type ClusterProfile struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Status            struct {
		Conditions []metav1.Condition `json:"conditions"`
	} `json:"status"`
}

// clusterInventory is the group of ClusterProfile.
const clusterInventory = "multicluster.x-k8s.io"

// argoRollouts is the group of Rollout, and keda that of ScaledObject.
const (
	argoRollouts = "argoproj.io"
	keda         = "keda.sh"
)

// kindInfo is a kind that is read.
type kindInfo struct {
	// group and version of its objects. An empty version accepts any.
	group, version string
	namespaced     bool
	// new makes an object to decode into.
	new func() any
	// lenient kinds may have fields that are not known here.
	lenient bool
}

func (k *kindInfo) apiVersion() string {
	if k.group == "" {
		return k.version
	}
	return k.group + "/" + k.version
}

func of[T any]() func() any { return func() any { return new(T) } }

// kinds are the kinds that are read. Tradewind's own are checked against their definitions besides.
var kinds = map[string]*kindInfo{
	"Node":                    {version: "v1", new: of[corev1.Node]()},
	"Namespace":               {version: "v1", new: of[corev1.Namespace]()},
	"Pod":                     {version: "v1", namespaced: true, new: of[corev1.Pod]()},
	"PersistentVolume":        {version: "v1", new: of[corev1.PersistentVolume]()},
	"PersistentVolumeClaim":   {version: "v1", namespaced: true, new: of[corev1.PersistentVolumeClaim]()},
	"ReplicationController":   {version: "v1", namespaced: true, new: of[corev1.ReplicationController]()},
	"Deployment":              {group: "apps", version: "v1", namespaced: true, new: of[appsv1.Deployment]()},
	"StatefulSet":             {group: "apps", version: "v1", namespaced: true, new: of[appsv1.StatefulSet]()},
	"ReplicaSet":              {group: "apps", version: "v1", namespaced: true, new: of[appsv1.ReplicaSet]()},
	"DaemonSet":               {group: "apps", version: "v1", namespaced: true, new: of[appsv1.DaemonSet]()},
	"Job":                     {group: "batch", version: "v1", namespaced: true, new: of[batchv1.Job]()},
	"ResourceQuota":           {version: "v1", namespaced: true, new: of[corev1.ResourceQuota]()},
	"PriorityClass":           {group: "scheduling.k8s.io", version: "v1", new: of[schedulingv1.PriorityClass]()},
	"StorageClass":            {group: "storage.k8s.io", version: "v1", new: of[storagev1.StorageClass]()},
	"CSINode":                 {group: "storage.k8s.io", version: "v1", new: of[storagev1.CSINode]()},
	"ResourceClaim":           {group: resourcev1.GroupName, version: "v1", namespaced: true, new: of[resourcev1.ResourceClaim]()},
	"ResourceClaimTemplate":   {group: resourcev1.GroupName, version: "v1", namespaced: true, new: of[resourcev1.ResourceClaimTemplate]()},
	"ResourceSlice":           {group: resourcev1.GroupName, version: "v1", new: of[resourcev1.ResourceSlice]()},
	"DeviceClass":             {group: resourcev1.GroupName, version: "v1", new: of[resourcev1.DeviceClass]()},
	"RuntimeClass":            {group: "node.k8s.io", version: "v1", new: of[nodev1.RuntimeClass]()},
	"Rollout":                 {group: argoRollouts, namespaced: true, new: of[Rollout](), lenient: true},
	"HorizontalPodAutoscaler": {group: "autoscaling", namespaced: true, new: of[Autoscaler](), lenient: true},
	"ScaledObject":            {group: keda, namespaced: true, new: of[Autoscaler](), lenient: true},
	"ClusterProfile":          {group: clusterInventory, namespaced: true, new: of[ClusterProfile](), lenient: true},
	"PlacementPolicy":         {group: v1alpha1.GroupVersion.Group, version: v1alpha1.GroupVersion.Version, namespaced: true, new: of[v1alpha1.PlacementPolicy]()},
	"ClusterPlacementPolicy":  {group: v1alpha1.GroupVersion.Group, version: v1alpha1.GroupVersion.Version, new: of[v1alpha1.ClusterPlacementPolicy]()},
	"CloudPool":               {group: v1alpha1.GroupVersion.Group, version: v1alpha1.GroupVersion.Version, new: of[v1alpha1.CloudPool]()},
	"PriceList":               {group: v1alpha1.GroupVersion.Group, version: v1alpha1.GroupVersion.Version, new: of[v1alpha1.PriceList]()},
	"LatencyMap":              {group: v1alpha1.GroupVersion.Group, version: v1alpha1.GroupVersion.Version, new: of[v1alpha1.LatencyMap]()},
}

// kindOf returns the kind of a document that is read, or nil, and what is wrong with its version.
func kindOf(kind, apiVersion string) (*kindInfo, string) {
	group, version, grouped := strings.Cut(apiVersion, "/")
	if !grouped {
		group, version = "", apiVersion
	}
	info := kinds[kind]
	if info == nil || info.group != group && !(info.group == "apps" && group == "extensions") {
		return nil, ""
	}
	if info.version != "" && (info.version != version || info.group != group) {
		return info, fmt.Sprintf("%q is not served any more, or not yet; write %s", apiVersion, info.apiVersion())
	}
	return info, ""
}

// decode reads a document into its Go type and returns the fields that the type does not have.
func (k *kindInfo) decode(d *Document) (value any, unknown []FieldError, err error) {
	value = k.new()
	if k.group == v1alpha1.GroupVersion.Group {
		// Admit has found unknown fields, and filled in defaults.
		if err := d.Decode(value); err != nil {
			return nil, nil, namedError(err, d.Object, func(part json.RawMessage) error { return json.Unmarshal(part, k.new()) })
		}
		return value, nil, nil
	}
	encoded, err := json.Marshal(d.Object)
	if err != nil {
		return nil, nil, err
	}
	strict, err := sigsjson.UnmarshalStrict(encoded, value)
	if err != nil {
		return nil, nil, namedError(err, d.Object, func(part json.RawMessage) error {
			_, err := sigsjson.UnmarshalStrict(part, k.new())
			return err
		})
	}
	for _, problem := range strict {
		field, ok := strings.CutPrefix(problem.Error(), `unknown field "`)
		if field = strings.TrimSuffix(field, `"`); ok && !k.lenient && !strings.HasPrefix(field, "status.") {
			unknown = append(unknown, FieldError{field, "unknown field; it is ignored: correct its name, or remove it"})
		}
	}
	return value, unknown, nil
}

// namedError names the field of an error of decoding, and takes the names of Go's types out of it.
func namedError(err error, object map[string]any, decode func(json.RawMessage) error) error {
	cleaned := cleanError(err)
	var typed *fieldTypeError
	if errors.As(cleaned, &typed) {
		return cleaned
	}
	if field := culprit(object, decode); field != "" {
		return &fieldTypeError{FieldError{field, cleaned.Error()}}
	}
	return cleaned
}

// cleanError takes the name of Go's types out of an error of decoding.
func cleanError(err error) error {
	message := strings.TrimPrefix(err.Error(), "json: ")
	if before, after, ok := strings.Cut(message, " into Go struct field "); ok {
		// "cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"
		field, kind, _ := strings.Cut(after, " of type ")
		if _, path, dotted := strings.Cut(field, "."); dotted {
			field = path
		}
		return &fieldTypeError{FieldError{field, strings.Replace(before, "cannot unmarshal", "cannot use", 1) + " as " + plainType(kind)}}
	}
	return errors.New(message)
}

// fieldTypeError is a field of the wrong type.
type fieldTypeError struct{ FieldError }

// Error is the message, without the field.
func (e *fieldTypeError) Error() string { return e.Message }

// plainType names a type of Go in the words of JSON.
func plainType(name string) string {
	switch {
	case strings.HasPrefix(name, "int"), strings.HasPrefix(name, "float"):
		return "a number"
	case name == "bool":
		return "true or false"
	case strings.HasPrefix(name, "[]"):
		return "a list"
	case name == reflect.String.String():
		return "text; put it in quotes"
	}
	return "an object"
}
