// Package history records what clients of a cluster have seen and checks that against what the service promises.
package history
