package engine

// Solve plans a snapshot. It fails only where the snapshot has no meaning at all (a pool without a class); everything
// else that is wrong is in Plan.Problems and the rest is planned.
func Solve(snapshot *Snapshot, options Options) (*Plan, error) {
	solver, err := NewSolver(snapshot, options)
	if err != nil {
		return nil, err
	}
	return solver.Plan(), nil
}
