//go:build !race

package ruletest

// slowdown is how much longer things may take under the race detector.
const slowdown = 1
