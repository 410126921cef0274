package sql

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/meflso/fosite-meflso/storage"
)

// swapUniques has the client hold the strings of these hashes and no others, or
// returns storage.ErrExists where another client holds one of them. What goes
// and what comes is locked in one ascending order. Where the client is there,
// its row is locked.
func (s *Store) swapUniques(ctx context.Context, clientID string, next []string) error {
	old, err := s.uniques(ctx, clientID)
	if err != nil {
		return err
	}
	all := slices.Concat(old, next)
	slices.Sort(all)
	for _, hash := range slices.Compact(all) {
		switch {
		case !slices.Contains(next, hash):
			_, err = s.exec(ctx, deleteUnique, hash, clientID)
		case !slices.Contains(old, hash):
			err = s.change(ctx, storage.ErrExists, insertUnique, hash, clientID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// uniques returns the hashes of what the client holds.
func (s *Store) uniques(ctx context.Context, clientID string) ([]string, error) {
	rows, err := s.querier(ctx).QueryContext(ctx, selectUniques, clientID)
	if err != nil {
		return nil, s.dialect.failure(err)
	}
	hashes, err := scanHashes(rows)
	return hashes, s.dialect.failure(err)
}

func scanHashes(rows *sql.Rows) (hashes []string, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var hash string
		if err := rows.Scan(&hash); err != nil {
			return nil, err
		}
		hashes = append(hashes, hash)
	}
	return hashes, rows.Err()
}
