package cycle

import (
	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"tradewind.dev/tradewind/pkg/rules"
)

// SkewDomains are the domains that the skews of a pod's rules are counted over; nil when no rule limits one.
func (p *Profile) SkewDomains(ruled *rules.Rules, pod *corev1.Pod, nodes []fwk.NodeInfo) [][]string {
	if !rules.LimitsSkew(ruled) {
		return nil
	}
	return p.Live.SkewDomains(ruled, pod, func(yield func(*corev1.Node) bool) {
		for _, info := range nodes {
			if !yield(info.Node()) {
				return
			}
		}
	})
}
