// SPDX-License-Identifier: Apache-2.0

package regstore

import (
	"slices"
	"strings"
	"sync"
	"time"

	registrymetrics "github.com/distribution/distribution/v3/metrics"
	"github.com/docker/go-metrics"
	"github.com/sirupsen/logrus"

	"regstore/adapters/distribution/internal/plugin"
)

// metricFamilies are the plugins' metrics among the registry's own. A family is made when a plugin
// first names it: "regstore_http_seconds" is registry_storage_regstore_http_seconds at /metrics.
type metricFamilies struct {
	lost   metrics.LabeledCounter
	mu     sync.Mutex // guards byName
	byName map[string]*family
}

type family struct {
	kind   int
	labels []string
	count  metrics.LabeledCounter
	gauge  metrics.LabeledGauge
	timer  metrics.LabeledTimer
}

// locationLabel tells two stores of one process apart.
const locationLabel = "location"

var families = newFamilies()

func newFamilies() *metricFamilies {
	space := newSpace()
	f := &metricFamilies{
		lost: space.NewLabeledCounter("regstore_events_lost",
			"Events of a plugin that were dropped because the registry did not keep up", "kind"),
		byName: map[string]*family{},
	}
	metrics.Register(space)
	return f
}

// newSpace is a namespace of its own for each family, since one that is registered cannot grow.
func newSpace() *metrics.Namespace {
	return metrics.NewNamespace(registrymetrics.NamespacePrefix, "storage", nil)
}

// add counts as lost what Prometheus does not take, by a panic.
func (f *metricFamilies) add(e plugin.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer func() {
		if recover() != nil {
			f.lost.WithValues("metric").Inc()
		}
	}()
	of := f.byName[e.Name]
	if of == nil {
		of = newFamily(e)
		f.byName[e.Name] = of
	}
	values, ok := of.values(e)
	if !ok {
		f.lost.WithValues("metric").Inc()
		return
	}
	switch of.kind {
	case plugin.MetricCount:
		of.count.WithValues(values...).Inc(e.Value)
	case plugin.MetricGauge:
		of.gauge.WithValues(values...).Set(e.Value)
	case plugin.MetricTime:
		of.timer.WithValues(values...).Update(time.Duration(e.Value * float64(time.Second)))
	}
}

// newFamily takes any name from any plugin. What Prometheus does not take, by a panic, is a family
// to which nothing can be added.
func newFamily(e plugin.Event) (of *family) {
	defer func() {
		if why := recover(); why != nil {
			logrus.WithField("metric", e.Name).Warnf("the plugin's metric is left out: %v", why)
			of = &family{}
		}
	}()
	of = &family{kind: e.What, labels: []string{locationLabel}}
	for _, pair := range e.Pairs {
		of.labels = append(of.labels, pair.Key)
	}
	space := newSpace()
	const help = "Told by the storage plugin"
	switch e.What {
	case plugin.MetricCount:
		of.count = space.NewLabeledCounter(strings.TrimSuffix(e.Name, "_total"), help, of.labels...)
	case plugin.MetricGauge:
		of.gauge = space.NewLabeledGauge(e.Name, help, "", of.labels...)
	case plugin.MetricTime:
		of.timer = space.NewLabeledTimer(strings.TrimSuffix(e.Name, "_seconds"), help, of.labels...)
	default:
		return &family{}
	}
	metrics.Register(space)
	return of
}

// values in the order of the family's labels; false: this is another kind or has other labels.
func (of *family) values(e plugin.Event) ([]string, bool) {
	if e.What != of.kind || len(e.Pairs)+1 != len(of.labels) {
		return nil, false
	}
	values := []string{e.Location}
	for _, label := range of.labels[1:] {
		at := slices.IndexFunc(e.Pairs, func(p plugin.Pair) bool { return p.Key == label })
		if at < 0 {
			return nil, false
		}
		values = append(values, e.Pairs[at].Value)
	}
	return values, true
}
