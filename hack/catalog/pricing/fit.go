package main

import "math"

// fitSum finds for each row and column what the known values are the sum of; NaN are the unknown ones. It minimises the sum of the
// absolute differences, which single wrong values do not move, by least squares whose weights are the inverse of the difference of
// the last turn. Rows and columns without a value get NaN. The groups of connected must be fitted by themselves: how two of them
// compare, no value tells. Holland and Welsch, Robust regression using iteratively reweighted least-squares (1977).
func fitSum(values [][]float64) (ofRow, ofColumn []float64) {
	const least = 1e-6 // a difference of a millionth is none
	ofRow, ofColumn = make([]float64, len(values)), make([]float64, len(values[0]))
	weights := make([][]float64, len(values))
	for i := range values {
		weights[i] = make([]float64, len(values[i]))
		for j, value := range values[i] {
			if !math.IsNaN(value) {
				weights[i][j] = 1
			}
		}
	}
	for range 25 {
		for range 400 {
			moved := 0.0
			for i := range values {
				moved = max(moved, settle(&ofRow[i], len(ofColumn), func(j int) (float64, float64) { return weights[i][j], values[i][j] - ofColumn[j] }))
			}
			for j := range ofColumn {
				moved = max(moved, settle(&ofColumn[j], len(ofRow), func(i int) (float64, float64) { return weights[i][j], values[i][j] - ofRow[i] }))
			}
			if moved < least {
				break
			}
		}
		for i := range values {
			for j, value := range values[i] {
				if !math.IsNaN(value) {
					weights[i][j] = 1 / max(math.Abs(value-ofRow[i]-ofColumn[j]), least)
				}
			}
		}
	}
	return ofRow, ofColumn
}

// settle sets a level to the weighted mean of the values that have a weight and returns by how much it moved; NaN when none has.
func settle(level *float64, n int, at func(int) (weight, value float64)) float64 {
	sum, weights := 0.0, 0.0
	for i := range n {
		if weight, value := at(i); weight > 0 {
			sum, weights = sum+weight*value, weights+weight
		}
	}
	before := *level
	if *level = sum / weights; weights == 0 {
		*level = math.NaN()
		return 0
	}
	return math.Abs(*level - before)
}

// connected divides the rows into groups that share columns, directly or over other rows: only such rows can be compared.
func connected(values [][]float64) [][]int {
	var groups [][]int
	seen := make([]bool, len(values))
	shares := func(a, b []float64) bool {
		for j := range a {
			if !math.IsNaN(a[j]) && !math.IsNaN(b[j]) {
				return true
			}
		}
		return false
	}
	for first := range values {
		if seen[first] {
			continue
		}
		seen[first] = true
		group := []int{first}
		for k := 0; k < len(group); k++ {
			for other := range values {
				if !seen[other] && shares(values[group[k]], values[other]) {
					seen[other] = true
					group = append(group, other)
				}
			}
		}
		groups = append(groups, group)
	}
	return groups
}
