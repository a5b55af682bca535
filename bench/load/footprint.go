package load

import (
	"context"
	"time"
)

// largestResident is the memory of the largest server of a cluster, in bytes.
func largestResident(c Cluster) (largest float64, err error) {
	for i := range c.Len() {
		resident, err := ResidentBytes(c.PID(i))
		if err != nil {
			return 0, err
		}
		largest = max(largest, float64(resident))
	}
	return largest, nil
}

// residentOf is the memory of all servers of a cluster together, in bytes.
func residentOf(c Cluster) (float64, error) {
	var total float64
	for i := range c.Len() {
		resident, err := ResidentBytes(c.PID(i))
		if err != nil {
			return 0, err
		}
		total += float64(resident)
	}
	return total, nil
}

// coresUsed is how much of one core the servers of a cluster use together while d passes, in per cent.
func coresUsed(ctx context.Context, c Cluster, d time.Duration) (float64, error) {
	pids := PIDs(c)
	before, err := CPUSeconds(pids)
	if err != nil {
		return 0, err
	}
	begun := time.Now()
	if err := rest(ctx, d); err != nil {
		return 0, err
	}
	after, err := CPUSeconds(pids)
	return 100 * (after - before) / time.Since(begun).Seconds(), err
}
