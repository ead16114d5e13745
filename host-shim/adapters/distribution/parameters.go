// SPDX-License-Identifier: Apache-2.0

package regstore

import (
	"fmt"

	"github.com/distribution/distribution/v3/registry/storage/driver/base"

	"regstore/adapters/distribution/internal/plugin"
)

// A call that blocks in a plugin occupies a thread of the process. As many pulls and pushes as this
// go on at once; what comes more waits.
const (
	defaultThreads = 1000
	leastThreads   = 4
)

// defaultLocation names the settings that stand in the registry's own configuration: a secret may
// come as REGSTORE_DEFAULT_<KEY>.
const defaultLocation = "default"

// readParameters divides the adapter's own keys from the plugin's settings, which the plugin
// checks.
func readParameters(parameters map[string]any) (plugin.Location, error) {
	var where plugin.Location
	var settings []plugin.Pair
	own := map[string]*string{
		"plugin":     &where.Driver,
		"plugin_dir": &where.Folder,
		"config":     &where.Config,
		"location":   &where.Name,
	}
	for key, value := range parameters {
		if key == "maxthreads" || value == nil {
			continue
		}
		text, err := scalar(key, value)
		if err != nil {
			return where, err
		}
		if field, ok := own[key]; ok {
			*field = text
		} else {
			settings = append(settings, plugin.Pair{Key: key, Value: text})
		}
	}
	threads, err := base.GetLimitFromParameter(parameters["maxthreads"], leastThreads, defaultThreads)
	if err != nil {
		return where, fmt.Errorf("regstore: maxthreads: %w", err)
	}
	where.Threads = int(threads)
	if where.Config != "" {
		return where, checkConfig(where, settings)
	}
	if where.Driver == "" {
		return where, fmt.Errorf("regstore: say which plugin, as in 'plugin: STSS3Storage', or name a config.yaml with 'config'")
	}
	if where.Name == "" {
		where.Name = defaultLocation
	}
	where.Settings = settings
	return where, nil
}

// checkConfig refuses what would be overruled in silence.
func checkConfig(where plugin.Location, settings []plugin.Pair) error {
	if where.Driver != "" {
		return fmt.Errorf("regstore: plugin: the location in %s says which; leave one of the two out", where.Config)
	}
	if len(settings) > 0 {
		return fmt.Errorf("regstore: %s: settings stand in %s; leave one of the two out", settings[0].Key, where.Config)
	}
	return nil
}

func scalar(key string, value any) (string, error) {
	switch value.(type) {
	case string, bool, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64, float32, float64:
		return fmt.Sprint(value), nil
	default:
		return "", fmt.Errorf("regstore: %s: is no text or number", key)
	}
}
