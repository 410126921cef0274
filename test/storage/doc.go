// Package storage runs the storage contract over real databases.
package storage
