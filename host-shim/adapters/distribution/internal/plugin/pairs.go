// SPDX-License-Identifier: Apache-2.0

package plugin

/*
#include "bridge.h"
#include <string.h>
*/
import "C"

import "unsafe"

// pairs are settings in C memory, as the host library wants them.
type pairs struct {
	first *C.struct_regstore_pair
	n     int
	where *C.struct_regstore_host_location
}

func newPairs(settings []Pair) (*pairs, error) {
	p := &pairs{
		first: (*C.struct_regstore_pair)(C.calloc(C.size_t(len(settings)+1), C.sizeof_struct_regstore_pair)),
		where: (*C.struct_regstore_host_location)(C.calloc(1, C.sizeof_struct_regstore_host_location)),
	}
	if p.first == nil || p.where == nil {
		p.free()
		return nil, &Error{Status: NoMemory, Message: "no memory for the settings"}
	}
	all := unsafe.Slice(p.first, len(settings))
	for _, pair := range settings {
		all[p.n].key, all[p.n].value = C.CString(pair.Key), C.CString(pair.Value)
		p.n++
	}
	return p, nil
}

// location points into p, which must live longer.
func (p *pairs) location(name, driver string) *C.struct_regstore_host_location {
	p.where.name, p.where.driver = C.CString(name), C.CString(driver)
	p.where.settings, p.where.n_settings = p.first, C.size_t(p.n)
	return p.where
}

// free wipes the values first: one of them may be a secret.
func (p *pairs) free() {
	if p.first != nil {
		for _, pair := range unsafe.Slice(p.first, p.n) {
			C.explicit_bzero(unsafe.Pointer(pair.value), C.strlen(pair.value))
			freeString(pair.key)
			freeString(pair.value)
		}
		C.free(unsafe.Pointer(p.first))
	}
	if p.where != nil {
		freeString(p.where.name)
		freeString(p.where.driver)
		C.free(unsafe.Pointer(p.where))
	}
}
