package moves

import (
	"fmt"
	"strconv"
	"strings"
)

// defaultMaxUnavailable is how many replicas of a workload may be away for a move where no policy says.
const defaultMaxUnavailable = "1"

// budget is how many of a workload's replicas may be unavailable at a time: a number, or a share of them rounded down, but
// at least one, else nothing could ever move. Empty text means defaultMaxUnavailable.
func budget(maxUnavailable string, replicas int) (int, error) {
	if maxUnavailable == "" {
		maxUnavailable = defaultMaxUnavailable
	}
	text, percent := strings.CutSuffix(maxUnavailable, "%")
	number, err := strconv.Atoi(text)
	if err != nil || number < 1 || percent && number > 100 {
		return 0, fmt.Errorf("rebalance.maxUnavailable %q is neither a number of replicas (\"1\") nor a share (\"10%%\")", maxUnavailable)
	}
	if percent {
		return max(1, replicas*number/100), nil
	}
	return number, nil
}
