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

// Optimum is the least that placing every replica of a snapshot without volumes can cost, in US dollars an hour, as the solver cbc
// proves it, by the objective of the options. possible is false when no plan places them all. Errors are ErrNoSolver, ErrUndecided,
// and what cbc says.
func Optimum(ctx context.Context, snapshot *engine.Snapshot, options engine.Options, limit time.Duration) (usd float64, possible bool, err error) {
	status, _, err := solve(ctx, Program(snapshot, options), 0, limit)
	switch {
	case err != nil:
		return 0, false, err
	case strings.HasPrefix(status, "Optimal"):
		usd, err = last(status)
		return usd, true, err
	case impossible(status):
		return 0, false, nil
	default:
		return 0, false, fmt.Errorf("%w: %s", ErrUndecided, status)
	}
}

// Proof is what cbc finds out within a limit of time: whether any plan places every replica, the least that one can cost, what the best
// one that is known costs, and whether that is the optimum, so that both are the same, in US dollars an hour.
type Proof struct {
	Possible, Optimal bool
	Least, Best       float64
}

// Prove asks cbc what placing every replica costs at least. known is what a known plan costs, which shortens the search; 0 for none.
// Errors are ErrNoSolver, ErrUndecided where it was not found whether any plan places all, and what cbc says.
func Prove(ctx context.Context, snapshot *engine.Snapshot, options engine.Options, known float64, limit time.Duration) (Proof, error) {
	status, said, err := solve(ctx, Program(snapshot, options), known, limit)
	switch {
	case err != nil:
		return Proof{}, err
	case strings.HasPrefix(status, "Optimal"):
		usd, err := last(status)
		return Proof{Possible: true, Optimal: true, Least: usd, Best: usd}, err
	case impossible(status):
		return Proof{}, nil
	case known == 0 && strings.Contains(status, "no integer solution"):
		return Proof{}, fmt.Errorf("%w: %s", ErrUndecided, status)
	}
	out := Proof{Possible: true, Best: known}
	if !strings.Contains(status, "no integer solution") {
		found, err := last(status)
		if err != nil {
			return Proof{}, err
		}
		if out.Best = found; known > 0 {
			out.Best = min(found, known)
		}
	}
	for _, line := range strings.Split(said, "\n") {
		if strings.HasPrefix(line, "Lower bound:") {
			out.Least, err = last(line)
			return out, err
		}
	}
	return Proof{}, fmt.Errorf("%w: %s", ErrUndecided, status)
}

func impossible(status string) bool {
	return strings.HasPrefix(status, "Infeasible") || strings.HasPrefix(status, "Integer infeasible")
}

// last is the number at the end of a line.
func last(line string) (float64, error) {
	fields := strings.Fields(line)
	return strconv.ParseFloat(fields[len(fields)-1], 64)
}

// solve gives cbc a program; it answers how that ended, and all that it said.
func solve(ctx context.Context, program string, known float64, limit time.Duration) (status, said string, err error) {
	cbc, err := exec.LookPath("cbc")
	if err != nil {
		return "", "", ErrNoSolver
	}
	dir, err := os.MkdirTemp("", "program")
	if err != nil {
		return "", "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	problem, solution := filepath.Join(dir, "problem.lp"), filepath.Join(dir, "solution")
	if err := os.WriteFile(problem, []byte(program), 0o600); err != nil {
		return "", "", err
	}
	arguments := []string{problem, "sec", strconv.FormatFloat(limit.Seconds(), 'f', 0, 64), "ratioGap", "0", "allowableGap", "1e-9"}
	if known > 0 {
		arguments = append(arguments, "cutoff", strconv.FormatFloat(known*(1+1e-6), 'g', 12, 64))
	}
	output, err := exec.CommandContext(ctx, cbc, append(arguments, "solve", "solution", solution)...).CombinedOutput()
	if err != nil {
		return "", "", fmt.Errorf("cbc: %w: %s", err, output)
	}
	file, err := os.Open(solution)
	if err != nil {
		return "", "", fmt.Errorf("cbc wrote no solution: %w: %s", err, output)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	lines := bufio.NewScanner(file)
	lines.Scan()
	return lines.Text(), string(output), nil
}
