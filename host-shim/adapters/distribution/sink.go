// SPDX-License-Identifier: Apache-2.0

package regstore

import (
	"github.com/sirupsen/logrus"

	"regstore/adapters/distribution/internal/plugin"
)

// sink gives what plugins tell to the registry's own logger and metrics.
type sink struct {
	metrics *metricFamilies
}

func newSink() *sink { return &sink{metrics: families} }

func (s *sink) Level() int {
	switch logrus.GetLevel() {
	case logrus.TraceLevel, logrus.DebugLevel:
		return plugin.LogDebug
	case logrus.InfoLevel:
		return plugin.LogInfo
	case logrus.WarnLevel:
		return plugin.LogWarning
	default:
		return plugin.LogError
	}
}

func logLevel(level int) logrus.Level {
	switch {
	case level < plugin.LogInfo:
		return logrus.DebugLevel
	case level < plugin.LogWarning:
		return logrus.InfoLevel
	case level < plugin.LogError:
		return logrus.WarnLevel
	default:
		return logrus.ErrorLevel
	}
}

// Log writes one line: the event's name is the message, its fields are fields.
func (s *sink) Log(e plugin.Event) {
	fields := logrus.Fields{"storage": driverName, "location": e.Location}
	for _, pair := range e.Pairs {
		key := pair.Key
		if key == logrus.FieldKeyMsg || key == logrus.FieldKeyLevel || key == logrus.FieldKeyTime {
			key = "plugin." + key
		}
		fields[key] = pair.Value
	}
	logrus.WithFields(fields).Log(logLevel(e.What), e.Name)
}

func (s *sink) Metric(e plugin.Event) { s.metrics.add(e) }

func (s *sink) Lost(logs, metrics uint64) {
	s.metrics.lost.WithValues("log").Inc(float64(logs))
	s.metrics.lost.WithValues("metric").Inc(float64(metrics))
	logrus.WithFields(logrus.Fields{"storage": driverName, "logs": logs, "metrics": metrics}).
		Warn("the plugin told more than could be written down")
}
