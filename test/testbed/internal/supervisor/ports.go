package supervisor

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports are taken from below Linux's range for outgoing connections (32768 and up), so that no client's local port can
// take one away between the choice and the program's own bind.
const (
	firstPort = 20000
	lastPort  = 31999
)

// ports hands out free TCP ports of 127.0.0.1. Two supervisors never hold the same one: each port is backed by an
// abstract Unix socket named after it, which the kernel gives to one process of the network namespace only, and takes
// back when that process ends, leaving no file.
type ports struct {
	held []net.Listener
}

func (p *ports) take(n int) ([]int, error) {
	var taken []int
	const span = lastPort - firstPort + 1
	start := rand.IntN(span)
	for i := 0; n <= span && i < span && len(taken) < n; i++ {
		port := firstPort + (start+i)%span
		claim, err := net.Listen("unix", "@tradewind-testbed-port-"+strconv.Itoa(port))
		if err != nil {
			continue // another bed holds it
		}
		probe, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			_ = claim.Close()
			continue // a program outside the testbed listens there
		}
		if err := probe.Close(); err != nil {
			_ = claim.Close()
			return nil, fmt.Errorf("probing port %d: %w", port, err)
		}
		p.held = append(p.held, claim)
		taken = append(taken, port)
	}
	if len(taken) < n {
		return nil, fmt.Errorf("no %d free TCP ports between %d and %d on 127.0.0.1", n, firstPort, lastPort)
	}
	return taken, nil
}
