//go:build race

package session

// raceDetector: the models are single-threaded and take ten times as long under the race detector.
const raceDetector = true
