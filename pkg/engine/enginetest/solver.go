package enginetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"tradewind.dev/tradewind/pkg/engine"
)

// ErrNoSolver says that the exact solver is not installed.
var ErrNoSolver = errors.New("cbc is not installed; install Debian's package coinor-cbc")

// ErrUndecided says that the exact solver ran out of time.
var ErrUndecided = errors.New("cbc ran out of time")

// Optimum is the least that placing every replica of a snapshot without volumes can cost, in US dollars an hour, by the objective of
// the options, as the solver cbc proves it. possible is false when no plan places them all. below is what a known plan costs, which
// shortens the search; 0 for none. Errors are ErrNoSolver, ErrUndecided, and what cbc says.
func Optimum(ctx context.Context, snapshot *engine.Snapshot, options engine.Options, below float64,
	limit time.Duration) (usd float64, possible bool, err error) {
	cbc, err := exec.LookPath("cbc")
	if err != nil {
		return 0, false, ErrNoSolver
	}
	dir, err := os.MkdirTemp("", "program")
	if err != nil {
		return 0, false, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	problem, solution := filepath.Join(dir, "problem.lp"), filepath.Join(dir, "solution")
	if err := os.WriteFile(problem, []byte(Program(snapshot, options)), 0o600); err != nil {
		return 0, false, err
	}
	arguments := []string{problem, "sec", strconv.FormatFloat(limit.Seconds(), 'f', 0, 64), "ratioGap", "0", "allowableGap", "1e-9"}
	if below > 0 {
		arguments = append(arguments, "cutoff", strconv.FormatFloat(below*(1+1e-6), 'g', 12, 64))
	}
	said, err := exec.CommandContext(ctx, cbc, append(arguments, "solve", "solution", solution)...).CombinedOutput()
	if err != nil {
		return 0, false, fmt.Errorf("cbc: %w: %s", err, said)
	}
	file, err := os.Open(solution)
	if err != nil {
		return 0, false, fmt.Errorf("cbc wrote no solution: %w: %s", err, said)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	lines := bufio.NewScanner(file)
	lines.Scan()
	status := lines.Text()
	switch {
	case strings.HasPrefix(status, "Optimal"):
		fields := strings.Fields(status)
		usd, err = strconv.ParseFloat(fields[len(fields)-1], 64)
		return usd, true, err
	case strings.HasPrefix(status, "Infeasible"), strings.HasPrefix(status, "Integer infeasible"):
		return 0, false, nil
	default:
		return 0, false, fmt.Errorf("%w: %s", ErrUndecided, status)
	}
}
