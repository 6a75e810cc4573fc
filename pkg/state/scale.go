package state

import (
	"context"
	"slices"

	"tradewind.dev/tradewind/pkg/workload"
)

// ScaleReader reads how many replicas an owner of pods wants, of its scale subresource.
type ScaleReader interface {
	// Scale is what the subresource says, or why it may not be read, so that live pods are to be counted. ok is false for an owner
	// that has none, and for one that is gone. With an error nothing is known; ok then says whether it has one.
	Scale(ctx context.Context, of *workload.Owner) (out workload.Scale, ok bool, err error)
}

// scale reads how many replicas the owners of pods want whose kinds are not read. Of those whose scale cannot be read pods are counted.
func (l *Lists) scale(ctx context.Context, from ScaleReader) []Gap {
	l.Scales = map[workload.Key]workload.Scale{}
	asked := map[workload.Key]bool{}
	var gaps []Gap
	for _, pod := range l.Pods {
		of, ok := workload.OwnerOf(pod)
		if !ok || asked[of.Key] {
			continue
		}
		asked[of.Key] = true
		scale, ok, err := from.Scale(ctx, &of)
		switch {
		case err != nil && ok:
			scale.Counted = err.Error()
		case err != nil:
			gaps = append(gaps, Gap{Resource: of.Kind, Message: of.String() + " is left out: " + err.Error()})
			continue
		}
		if !ok {
			continue
		}
		l.Scales[of.Key] = scale
		gap := Gap{Resource: of.Kind, Message: "how many replicas each " + of.Kind + " wants is counted from its pods, since " + scale.Counted}
		if scale.Counted != "" && !slices.Contains(gaps, gap) {
			gaps = append(gaps, gap)
		}
	}
	return gaps
}
