package main

import (
	"slices"
	"testing"
)

var testBrowser = browser{issuer: "https://op.example.org", callback: "https://suite.example.org/test/a/x/callback"}

func TestTasksKnowWhereTheyAre(t *testing.T) {
	for _, visits := range [][]visit{testBrowser.approving(), testBrowser.declining(), testBrowser.hesitating()} {
		for _, v := range visits {
			if v.Match != "https://op.example.org/oauth2/auth*" {
				t.Errorf("visit of %s", v.Match)
			}
			for _, task := range v.Tasks {
				if task.Name == "" || task.Match == "" || len(task.Commands) == 0 {
					t.Errorf("task %+v lacks something", task)
				}
			}
		}
	}
}

// A browser that is logged in sees the consent page where it would log in.
func TestDecliningComesFirst(t *testing.T) {
	tasks := testBrowser.declining()[0].Tasks
	name := func(want string) int { return slices.IndexFunc(tasks, func(t task) bool { return t.Name == want }) }
	if decline, login := name("Decline"), name("Log in"); decline < 0 || login < decline {
		t.Errorf("declines at %d, logs in at %d", decline, login)
	}
}

func TestHesitatingLooksOnce(t *testing.T) {
	visits := testBrowser.hesitating()
	if len(visits) != 2 || visits[0].Limit != 1 || visits[1].Limit != 0 {
		t.Errorf("got %+v", visits)
	}
}
