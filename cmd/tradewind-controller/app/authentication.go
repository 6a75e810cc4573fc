package app

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/authenticatorfactory"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	authenticationv1 "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorizationv1 "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// How long answers of the API server about a token and a user hold, and how long one is waited for.
const (
	tokenTime   = time.Minute
	allowedTime = 5 * time.Minute
	deniedTime  = 30 * time.Second
	reviewTime  = 10 * time.Second
)

// protected lets those read metrics whom the API server knows by their bearer token (TokenReview) and allows it to
// (SubjectAccessReview of the path). Whom it does not know is answered 401, as by the API server itself, whether there is
// no token, a wrong one, or nobody to ask; whom it does not allow 403. controller-runtime's own filter answers 500 to a
// wrong token, which a scraper takes for a fault of the controller.
func protected(config *rest.Config, client *http.Client) (metricsserver.Filter, error) {
	tokens, err := authenticationv1.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, fmt.Errorf("set up the review of tokens: %w", err)
	}
	access, err := authorizationv1.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, fmt.Errorf("set up the review of access: %w", err)
	}
	retry := &wait.Backoff{Duration: time.Second / 2, Factor: 1.5, Jitter: 0.2, Steps: 5}
	who, _, err := authenticatorfactory.DelegatingAuthenticatorConfig{
		Anonymous: &apiserver.AnonymousAuthConfig{Enabled: false}, CacheTTL: tokenTime,
		TokenAccessReviewClient: tokens, TokenAccessReviewTimeout: reviewTime, WebhookRetryBackoff: retry,
	}.New()
	if err != nil {
		return nil, fmt.Errorf("set up authentication: %w", err)
	}
	may, err := authorizerfactory.DelegatingAuthorizerConfig{
		SubjectAccessReviewClient: access, AllowCacheTTL: allowedTime, DenyCacheTTL: deniedTime, WebhookRetryBackoff: retry,
	}.New()
	if err != nil {
		return nil, fmt.Errorf("set up authorization: %w", err)
	}
	return func(log klog.Logger, handler http.Handler) (http.Handler, error) {
		return &guard{who: who, may: may, log: log, handler: handler}, nil
	}, nil
}

// guard asks who a request is from, and whether they may.
type guard struct {
	who     authenticator.Request
	may     authorizer.Authorizer
	log     klog.Logger
	handler http.Handler
}

// ServeHTTP implements http.Handler.
func (g *guard) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	known, ok, err := g.who.AuthenticateRequest(request)
	if err != nil || !ok {
		g.log.V(1).Info("A request for metrics is of nobody that the API server knows", "error", err)
		w.Header().Set("WWW-Authenticate", "Bearer")
		http.Error(w, "Unauthorized: send the bearer token of a ServiceAccount", http.StatusUnauthorized)
		return
	}
	decision, _, err := g.may.Authorize(request.Context(), authorizer.AttributesRecord{
		User: known.User, Verb: strings.ToLower(request.Method), Path: request.URL.Path,
	})
	switch {
	case decision == authorizer.DecisionAllow:
		g.handler.ServeHTTP(w, request)
	case err != nil:
		g.log.Error(err, "Cannot ask who may read metrics")
		http.Error(w, "The API server cannot be asked whether this is allowed; try again", http.StatusServiceUnavailable)
	default:
		http.Error(w, "Forbidden: ask for the ClusterRole tradewind-metrics-reader", http.StatusForbidden)
	}
}
