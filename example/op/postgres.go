package main

import (
	"database/sql"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// maxConns bounds the connections of one process. PostgreSQL allows 100 by
// default, for all processes together.
const maxConns = 20

// parsePostgres says nothing of the URL but that it is wrong: it may hold a
// password.
func parsePostgres(raw string) (storeSpec, error) {
	u, err := url.Parse(raw)
	if err == nil {
		_, err = pgx.ParseConfig(raw)
	}
	if err != nil || misread(u) {
		return storeSpec{}, usage("-store postgres://… is no URL of a PostgreSQL database, or a file or parameter that it names is wrong")
	}
	return storeSpec{postgres: u}, nil
}

// misread reports a URL whose password has a bare /, ? or #: its first part
// would pass for the port, and be shown.
func misread(u *url.URL) bool {
	return u.Fragment != "" || strings.Contains(u.EscapedPath()+u.RawQuery, "@")
}

// showPostgres leaves out all that may be secret: the password stands before
// the host or among the parameters.
func showPostgres(u *url.URL) string {
	shown := url.URL{Scheme: "postgres", Host: u.Host, Path: u.Path}
	if name := u.User.Username(); name != "" {
		shown.User = url.User(name)
	}
	return shown.String()
}

// openPostgres opens no connection yet. pgx keeps the password out of its
// errors.
func openPostgres(u *url.URL) (*sql.DB, error) {
	config, err := pgx.ParseConfig(u.String())
	if err != nil {
		return nil, errors.New("the PostgreSQL URL cannot be used any more")
	}
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(maxConns)
	db.SetMaxIdleConns(maxConns) // a connection is dear to make
	db.SetConnMaxIdleTime(5 * time.Minute)
	db.SetConnMaxLifetime(time.Hour) // so that a failover is noticed
	return db, nil
}
