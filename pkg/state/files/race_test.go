//go:build race

package files

// raceDetector says that the tests run under the race detector, which has pools of memory forget what they hold.
const raceDetector = true
