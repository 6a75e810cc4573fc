package enginetest

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"

	"tradewind.dev/tradewind/pkg/engine"
)

//go:embed testdata/pod_shapes.csv
var podShapes string

// shape is a request of a production cluster and how many of its pods made it.
type shape struct {
	request engine.Resources
	pods    int
}

// readShapes reads the embedded requests: millicores, mebibytes, GPUs and number of pods.
func readShapes() (shapes []shape, pods int, err error) {
	reader := csv.NewReader(strings.NewReader(podShapes))
	reader.Comment = '#'
	records, err := reader.ReadAll()
	if err != nil {
		return nil, 0, fmt.Errorf("pod_shapes.csv: %w", err)
	}
	for line, record := range records[1:] {
		var numbers [4]int64
		for i := range numbers {
			if numbers[i], err = strconv.ParseInt(record[i], 10, 64); err != nil {
				return nil, 0, fmt.Errorf("pod_shapes.csv: record %d: %w", line+1, err)
			}
		}
		shapes = append(shapes, shape{
			request: engine.Resources{MilliCPU: numbers[0], MemoryBytes: numbers[1] << 20, GPUs: numbers[2]}, pods: int(numbers[3]),
		})
		pods += int(numbers[3])
	}
	return shapes, pods, nil
}
