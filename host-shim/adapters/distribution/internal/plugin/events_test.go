// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"strings"
	"sync"
	"testing"
)

// collector keeps what it is told, and holds up the drain until it is let go.
type collector struct {
	gate          chan struct{}
	mu            sync.Mutex // guards all below
	logs, metrics []Event
	lost          uint64
	more          *sync.Cond // there is
}

func (c *collector) Level() int { return LogInfo }

func (c *collector) Log(e Event) {
	<-c.gate
	c.mu.Lock()
	defer c.mu.Unlock()
	c.logs = append(c.logs, e)
	c.more.Signal()
}

func (c *collector) Metric(e Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.metrics = append(c.metrics, e)
	c.more.Signal()
}

func (c *collector) Lost(logs, metrics uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost += logs + metrics
	c.more.Signal()
}

// The first sink of a process is the only one, so this is the only test of it here.
// A storm of logs from many threads: nothing waits, what does not fit is counted, what does is whole
// and in order, and metrics are not among the losses.
func TestAStormOfEventsLosesOnlyLogsAndCountsThem(t *testing.T) {
	c := &collector{gate: make(chan struct{})}
	c.more = sync.NewCond(&c.mu)
	if err := Listen(c); err != nil {
		t.Fatal(err)
	}
	const threads, each = 8, 1000
	var all sync.WaitGroup
	for range threads {
		all.Go(func() {
			for range each {
				tell(LogInfo, "event", Pair{"key", "value"}, Pair{"long", strings.Repeat("x", 2000)})
			}
		})
	}
	all.Wait() // although the collector has taken none yet
	tell(LogDebug, "below the level")
	count("a metric", 2.5, Pair{"label", "value"})
	count("another", 1)
	close(c.gate)
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.logs)+int(c.lost) < threads*each || len(c.metrics) < 2 {
		c.more.Wait()
	}
	if c.lost == 0 || len(c.logs) == 0 || len(c.logs)+int(c.lost) != threads*each {
		t.Fatalf("%d logs and %d lost of %d", len(c.logs), c.lost, threads*each)
	}
	for _, e := range c.logs {
		// The second field does not fit and is left out whole.
		if e.Name != "event" || e.Location != "test" || e.What != LogInfo || len(e.Pairs) != 1 || e.Pairs[0] != (Pair{"key", "value"}) {
			t.Fatalf("%+v", e)
		}
	}
	if len(c.metrics) != 2 || c.metrics[0].Value != 2.5 || c.metrics[0].Pairs[0].Value != "value" {
		t.Fatalf("%+v", c.metrics)
	}
}
