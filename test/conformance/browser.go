package main

// The suite has a browser of its own, which does what the configuration says:
// for a URL the tasks in turn, and for each task, if the browser is at a URL
// that the task is for, its commands.

// visit is what to do at a URL.
type visit struct {
	Match string `json:"match"` // with * for anything
	Limit int    `json:"match-limit,omitempty"`
	Tasks []task `json:"tasks"`
}

type task struct {
	Name     string    `json:"task"`
	Match    string    `json:"match"`
	Optional bool      `json:"optional"` // skipped at another URL
	Commands []command `json:"commands"`
}

// command is a verb, a kind of selector, a selector, and what the verb needs.
type command []any

// seconds is how long to wait for a page.
const seconds = 10

// browser knows where the server's pages are. They all have the URL of the
// authorization endpoint, so that commands are optional, and tell the pages
// apart by the elements they find.
type browser struct{ issuer, callback string }

func (b browser) authorize() string { return b.issuer + "/oauth2/auth*" }

func (b browser) login() task {
	return task{"Log in", b.authorize(), true, []command{
		{"text", "id", "username", "alice", "optional"},
		{"text", "id", "password", "alice", "optional"},
		{"click", "id", "submit_button", "optional"},
	}}
}

func (b browser) press(name, button string) task {
	return task{name, b.authorize(), true, []command{{"click", "id", button, "optional"}}}
}

// errorPage shows the suite a page of the server that it asked a person to
// look at. Where it did not ask for one, the module waits for its callback in
// vain.
func (b browser) errorPage() task {
	return task{"Error page", b.issuer + "/*", true, []command{
		{"wait", "xpath", "//*", seconds, "Error", "update-image-placeholder-optional"},
	}}
}

// arrive waits until the suite's own page has passed on the fragment.
func (b browser) arrive() task {
	return task{"Callback", b.callback + "*", true, []command{{"wait", "id", "submission_complete", seconds}}}
}

func (b browser) visit(tasks ...task) visit { return visit{Match: b.authorize(), Tasks: tasks} }

// approving logs in where it is asked to, and approves.
func (b browser) approving() []visit {
	return []visit{b.visit(b.login(), b.press("Approve", "submit_button"), b.errorPage(), b.arrive())}
}

// declining looks for the consent page first, since a browser that is logged in
// sees it at once, and would approve where it should log in.
func (b browser) declining() []visit {
	decline := b.press("Decline", "cancel_button")
	return []visit{b.visit(decline, b.login(), decline, b.errorPage(), b.arrive())}
}

// hesitating leaves at the login page and comes back.
func (b browser) hesitating() []visit {
	look := b.visit(task{"Look at the login page", b.authorize(), false, []command{{"wait", "id", "password", seconds}}})
	look.Limit = 1
	return append([]visit{look}, b.approving()...)
}

func (b browser) overrides() map[string]override {
	const fapi = "fapi1-advanced-final-"
	return map[string]override{
		fapi + "user-rejects-authentication":                                     {b.declining()},
		fapi + "par-ensure-reused-request-uri-prior-to-auth-completion-succeeds": {b.hesitating()},
	}
}
