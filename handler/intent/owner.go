package intent

import (
	"github.com/ory/fosite"

	"github.com/meflso/fosite-meflso/storage"
)

// Belongs reports whether the client may use the intent: it lodged it, or it
// acts for the client that did, who acted for nobody. In both cases the intent
// is of the client's trust domain (MEF W128 R58).
func Belongs(in *storage.Intent, client fosite.Client, metadata *storage.ClientMetadata) bool {
	own := in.ClientID == client.GetID()
	delegated := metadata.ActsFor != "" && in.ClientID == metadata.ActsFor && !in.Delegated
	return (own || delegated) && in.TrustDomain == metadata.Domain(client.GetID())
}
