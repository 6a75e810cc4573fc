// Command judge checks the history that a failed run of the chaos suite left behind, again.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"tradewind.dev/tradewind/test/chaos/check"
	"tradewind.dev/tradewind/test/chaos/history"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: judge FOLDER/history.jsonl")
		os.Exit(2)
	}
	if err := judge(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "judge:", err)
		os.Exit(1)
	}
}

func judge(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	var events []history.Event
	lines := bufio.NewReader(file)
	for decoder := json.NewDecoder(lines); decoder.More(); {
		var e history.Event
		if err := decoder.Decode(&e); err != nil {
			return fmt.Errorf("%s: event %d: %w", path, len(events)+1, err)
		}
		events = append(events, e)
	}
	result := check.Check(events)
	for _, v := range result.Violations {
		fmt.Println(v)
	}
	fmt.Printf("%d violations, %d binds, %d moves\n", len(result.Violations), result.Binds, result.Moves)
	return nil
}
