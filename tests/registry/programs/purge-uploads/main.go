// SPDX-License-Identifier: Apache-2.0

// Command purge-uploads does what the registry's own upload purging does, now and for uploads of any
// age: the registry itself begins with it at a random minute of its first hour.
//
//	purge-uploads CONFIG.yml
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/storage"
	"github.com/distribution/distribution/v3/registry/storage/driver/factory"

	_ "regstore/adapters/distribution"
)

func main() {
	if err := purge(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "purge-uploads:", err)
		os.Exit(1)
	}
}

func purge(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	config, err := configuration.Parse(file)
	if err != nil {
		return err
	}
	ctx := context.Background()
	driver, err := factory.Create(ctx, config.Storage.Type(), config.Storage.Parameters())
	if err != nil {
		return err
	}
	deleted, failures := storage.PurgeUploads(ctx, driver, time.Now().Add(time.Minute), true)
	for _, folder := range deleted {
		fmt.Println(folder)
	}
	if len(failures) > 0 {
		return fmt.Errorf("%d failures, the first: %w", len(failures), failures[0])
	}
	return nil
}
