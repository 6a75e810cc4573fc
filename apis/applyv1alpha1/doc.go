// Package applyv1alpha1 holds, for server-side apply, the types of apis/v1alpha1 in which every field may be left out.
package applyv1alpha1
