// Package scheduler holds the ready configuration of tradewind-scheduler.
package scheduler

import _ "embed"

// Config is a KubeSchedulerConfiguration with the profiles tradewind, tradewind-cost and tradewind-latency, in YAML.
//
//go:embed config.yaml
var Config []byte
