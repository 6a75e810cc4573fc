package moves

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"tradewind.dev/tradewind/apis/v1alpha1"
)

// inWindow says whether moves may happen now, and if not, when the window opens next. A missing window is always open.
// Errors name what is wrong with the schedule.
func inWindow(window *v1alpha1.RebalanceWindow, now time.Time) (open bool, next time.Time, err error) {
	if window == nil {
		return true, time.Time{}, nil
	}
	schedule, err := parseSchedule(window.Schedule)
	if err != nil {
		return false, time.Time{}, fmt.Errorf("rebalance.window.schedule %q: %w; write five cron fields in UTC (\"0 2 * * *\")", window.Schedule, err)
	}
	now = now.UTC()
	// The latest start that could still be open is the first one after now − duration.
	start := schedule.Next(now.Add(-window.Duration.Duration))
	if start.IsZero() { // no such day: the 31st of February
		return false, time.Time{}, fmt.Errorf("rebalance.window.schedule %q never comes: correct its day or month", window.Schedule)
	}
	if !start.After(now) {
		return true, time.Time{}, nil
	}
	return false, start, nil
}

// parseSchedule reads five cron fields. The library also takes a time zone before them, and panics where nothing follows it.
func parseSchedule(text string) (cron.Schedule, error) {
	if strings.Contains(text, "TZ=") {
		return nil, errors.New("a time zone is not taken")
	}
	return cron.ParseStandard(text)
}
