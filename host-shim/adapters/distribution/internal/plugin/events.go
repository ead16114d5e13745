// SPDX-License-Identifier: Apache-2.0

package plugin

/*
#include "events.h"
#include <stdlib.h>
*/
import "C"

import (
	"os"
	"sync"
	"unsafe"
)

// Log levels of plugins.
const (
	LogDebug   = int(C.REGSTORE_LOG_DEBUG)
	LogInfo    = int(C.REGSTORE_LOG_INFO)
	LogWarning = int(C.REGSTORE_LOG_WARNING)
	LogError   = int(C.REGSTORE_LOG_ERROR)
)

// Kinds of metrics.
const (
	MetricCount = int(C.REGSTORE_METRIC_COUNT)
	MetricGauge = int(C.REGSTORE_METRIC_GAUGE)
	MetricTime  = int(C.REGSTORE_METRIC_TIME)
)

// Pair is a field of a log event or a label of a metric.
type Pair struct{ Key, Value string }

// Event is what a plugin told: a log event of a level, or a metric of a kind with its value.
type Event struct {
	Location, Name string
	What           int // level or kind
	Value          float64
	Pairs          []Pair
}

// Sink is where events go. Its methods are called by one goroutine, one after the other.
type Sink interface {
	// Level is the least level of logs that are wanted.
	Level() int
	Log(Event)
	Metric(Event)
	// Lost says how many events were dropped because the sink did not keep up.
	Lost(logs, metrics uint64)
}

var listenOnce sync.Once

// Listen sends what plugins tell to the sink from now on. Only the first sink counts.
func Listen(sink Sink) (err error) {
	listenOnce.Do(func() {
		C.events_set_level(C.int32_t(sink.Level()))
		var fd C.int
		if fd, err = C.events_descriptor(); fd < 0 {
			return
		}
		err = nil
		go drain(os.NewFile(uintptr(fd), "regstore events"), sink)
	})
	return err
}

// drain waits in Go's poller, not in a thread of its own.
func drain(ready *os.File, sink Sink) {
	raw := (*C.struct_event)(C.malloc(C.sizeof_struct_event))
	count := make([]byte, 8) // an eventfd gives a number of this size
	for {
		if _, err := ready.Read(count); err != nil {
			return
		}
		C.events_rearm()
		C.events_set_level(C.int32_t(sink.Level()))
		for C.events_take(C.EVENT_LOG, raw) != 0 {
			sink.Log(eventOf(raw))
		}
		for C.events_take(C.EVENT_METRIC, raw) != 0 {
			sink.Metric(eventOf(raw))
		}
		logs, metrics := C.events_lost(C.EVENT_LOG), C.events_lost(C.EVENT_METRIC)
		if logs+metrics > 0 {
			sink.Lost(uint64(logs), uint64(metrics))
		}
	}
}

func eventOf(raw *C.struct_event) Event {
	at := unsafe.Pointer(&raw.text[0])
	next := func() string {
		s := C.GoString((*C.char)(at))
		at = unsafe.Add(at, len(s)+1)
		return s
	}
	e := Event{Location: C.GoString(raw.location), Name: next(), What: int(raw.what), Value: float64(raw.value)}
	for range int(raw.n) {
		e.Pairs = append(e.Pairs, Pair{Key: next(), Value: next()})
	}
	return e
}
