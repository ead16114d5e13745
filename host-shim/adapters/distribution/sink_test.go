// SPDX-License-Identifier: Apache-2.0

package regstore

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"

	"regstore/adapters/distribution/internal/plugin"
)

// metric is the sum over all of a family's label values; that of a timer is their number.
func metric(t *testing.T, name string) (sum float64) {
	t.Helper()
	all, err := prometheus.DefaultGatherer.Gather()
	must(t, err)
	for _, family := range all {
		if family.GetName() != name {
			continue
		}
		for _, one := range family.GetMetric() {
			sum += one.GetCounter().GetValue() + one.GetGauge().GetValue() + float64(one.GetHistogram().GetSampleCount())
		}
	}
	return sum
}

// The drain is another goroutine.
func eventually(t *testing.T, claim func() bool) {
	t.Helper()
	for !claim() {
		time.Sleep(10 * time.Millisecond)
	}
}

func TestPluginsMetricsAreTheRegistrys(t *testing.T) {
	b := newFake(t)
	const prefix = "registry_storage_regstore_"
	const requests, seconds, lost = prefix + "http_requests_total", prefix + "http_seconds", prefix + "events_lost_total"
	before, beforeTries, beforeLost := metric(t, requests), metric(t, seconds), metric(t, lost)
	opened := metric(t, prefix+"uploads_open")
	d := b.driver()
	b.counts()
	for range 20 {
		must(t, d.PutContent(t.Context(), "/file", nil))
	}
	sent := 0
	for _, n := range b.counts() {
		sent += n
	}
	eventually(t, func() bool { return metric(t, requests) == before+float64(sent) })
	eventually(t, func() bool { return metric(t, seconds) == beforeTries+float64(sent) })
	// Every kind, and every set of labels, is one that Prometheus takes.
	eventually(t, func() bool { return metric(t, prefix+"calls_total") >= 20 })
	eventually(t, func() bool { return metric(t, prefix+"call_seconds") >= 20 })
	eventually(t, func() bool { return metric(t, prefix+"session_expiry_timestamp_seconds") > 1e9 })
	eventually(t, func() bool { return metric(t, prefix+"memory_limit_bytes") > 0 })
	eventually(t, func() bool { return metric(t, prefix+"uploads_open") == opened })
	if got := metric(t, lost); got != beforeLost {
		t.Fatalf("%v events of the plugin are lost", got-beforeLost)
	}
}

func TestPluginsLogsAreTheRegistrys(t *testing.T) {
	hook := test.NewGlobal()
	level := logrus.GetLevel()
	t.Cleanup(func() {
		logrus.SetLevel(level)
		logrus.StandardLogger().ReplaceHooks(logrus.LevelHooks{})
	})
	logrus.SetLevel(logrus.DebugLevel)
	b := newFake(t)
	d := b.driver()
	eventually(t, func() bool {
		must(t, d.PutContent(t.Context(), "/file", nil))
		for _, entry := range hook.AllEntries() {
			if entry.Message == "http_try" {
				return entry.Level == logrus.DebugLevel && entry.Data["location"] == "s3" &&
					entry.Data["storage"] == driverName && entry.Data["operation"] != nil
			}
		}
		return false
	})
}

// Any plugin may name its metrics as it likes; the registry lives.
func TestMetricsThatCannotBeAreLeftOut(t *testing.T) {
	f := newSink().metrics
	lost := metric(t, "registry_storage_regstore_events_lost_total")
	for i, e := range []plugin.Event{
		{Name: "\xff", What: plugin.MetricCount, Value: 1},
		{Name: "label", What: plugin.MetricCount, Value: 1, Pairs: []plugin.Pair{{Key: "\xff", Value: "x"}}},
		{Name: "kind", What: 77, Value: 1},
		{Name: "falls", What: plugin.MetricCount, Value: -1},
		{Name: "value", What: plugin.MetricCount, Value: 1, Pairs: []plugin.Pair{{Key: "k", Value: "\xff"}}},
		{Name: "action_seconds", What: plugin.MetricTime, Value: 1}, // the registry has one of that name
	} {
		f.add(e)
		if got := metric(t, "registry_storage_regstore_events_lost_total"); got != lost+float64(i+1) {
			t.Fatalf("%q was taken", e.Name)
		}
	}
	f.add(plugin.Event{Name: "a_gauge", What: plugin.MetricGauge, Value: 7})
	f.add(plugin.Event{Name: "a_gauge", What: plugin.MetricGauge, Value: 5})
	f.add(plugin.Event{Name: "a_gauge", What: plugin.MetricCount, Value: 1})
	if got := metric(t, "registry_storage_a_gauge"); got != 5 {
		t.Fatalf("the gauge is at %v", got)
	}
}
