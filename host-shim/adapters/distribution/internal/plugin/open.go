// SPDX-License-Identifier: Apache-2.0

package plugin

/*
#include "bridge.h"
#include "events.h"
*/
import "C"

import (
	"context"
	"unsafe"
)

// Location says which plugin a store is to be made of, and with which settings: in these fields, or
// in an entry of a Quay config.yaml.
type Location struct {
	// Config is the path of a config.yaml; "" takes Driver and Settings instead.
	Config string
	// Name is the entry of Config, "" for its preferred one; without Config the word in
	// REGSTORE_<NAME>_<KEY>, where the environment may hold a secret.
	Name     string
	Driver   string
	Settings []Pair
	// Folder is searched first for the plugin; may be "".
	Folder string
	// Threads is how many calls may block in the plugin at once.
	Threads int
}

// Info says which plugin a store is made of.
type Info struct {
	Name, Version, Path, Location string
}

// hostError collects what the host library says.
func hostError() *C.struct_regstore_error {
	e := (*C.struct_regstore_error)(C.calloc(1, C.sizeof_struct_regstore_error))
	if e != nil {
		e.struct_size = C.sizeof_struct_regstore_error
	}
	return e
}

// Open finds, guards and loads the plugin and opens a store, all without I/O to the backend. The
// plugin stays loaded until the process ends, and so does the little that belongs to it here.
func Open(ctx context.Context, where Location) (*Store, Info, error) {
	e := hostError()
	if e == nil {
		return nil, Info{}, &Error{Status: NoMemory, Message: "no memory"}
	}
	defer C.free(unsafe.Pointer(e))
	if where.Config == "" {
		block, err := newPairs(where.Settings)
		if err != nil {
			return nil, Info{}, err
		}
		defer block.free()
		location := block.location(where.Name, where.Driver)
		return openLocation(ctx, where, location, e)
	}
	path, name := C.CString(where.Config), cString(where.Name)
	defer freeString(path)
	defer freeString(name)
	var config *C.struct_regstore_host_config
	if status := C.regstore_host_config_read(path, &config, e); status != C.REGSTORE_OK {
		return nil, Info{}, newError(status, e, nil)
	}
	defer C.regstore_host_config_free(config)
	var location *C.struct_regstore_host_location
	if status := C.regstore_host_config_pick(config, name, &location, e); status != C.REGSTORE_OK {
		return nil, Info{}, newError(status, e, nil)
	}
	return openLocation(ctx, where, location, e)
}

func openLocation(ctx context.Context, where Location, location *C.struct_regstore_host_location,
	e *C.struct_regstore_error) (*Store, Info, error) {
	folder := cString(where.Folder)
	defer freeString(folder)
	var loaded *C.struct_regstore_host_plugin
	status := C.regstore_host_load_driver(location.driver, folder, &loaded, e)
	if status != C.REGSTORE_OK {
		return nil, Info{}, newError(status, e, nil)
	}
	// Never freed: the store needs the table for as long as the process lives.
	table := C.regstore_host_table(loaded)
	var settings *C.struct_regstore_host_settings
	status = C.regstore_host_settings_new(location, table, &settings, e)
	if status != C.REGSTORE_OK {
		return nil, Info{}, newError(status, e, nil)
	}
	defer C.regstore_host_settings_free(settings)
	s := &Store{table: table}
	if where.Threads > 0 {
		s.gate = make(chan struct{}, where.Threads)
	}
	c, err := begin(ctx, s.gate)
	if err != nil {
		return nil, Info{}, err
	}
	var n C.size_t
	pairs := C.regstore_host_settings_pairs(settings, &n)
	host := C.events_host(location.name)
	if host == nil {
		return nil, Info{}, c.end(C.REGSTORE_NO_MEMORY)
	}
	err = c.end(C.bridge_store_open(table, c.frame, host, pairs, n, &s.store))
	if err != nil {
		return nil, Info{}, err
	}
	return s, Info{
		Name:     C.GoString(table.name),
		Version:  C.GoString(table.version),
		Path:     C.GoString(C.regstore_host_path(loaded)),
		Location: C.GoString(location.name),
	}, nil
}
