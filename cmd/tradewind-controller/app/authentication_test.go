package app

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/klog/v2"
)

// Whoever is not known is told so with 401, whatever the reason; whoever may not with 403; nothing else opens the metrics.
func TestGuard(t *testing.T) {
	for _, c := range []struct {
		name       string
		known      bool
		unknownErr error
		decision   authorizer.Decision
		mayErr     error
		want       int
	}{
		{"no token", false, nil, authorizer.DecisionAllow, nil, http.StatusUnauthorized},
		{"a wrong token", false, errors.New("invalid bearer token"), authorizer.DecisionAllow, nil, http.StatusUnauthorized},
		{"nobody to ask about the token", true, errors.New("connection refused"), authorizer.DecisionAllow, nil, http.StatusUnauthorized},
		{"no role", true, nil, authorizer.DecisionNoOpinion, nil, http.StatusForbidden},
		{"denied", true, nil, authorizer.DecisionDeny, nil, http.StatusForbidden},
		{"nobody to ask about the role", true, nil, authorizer.DecisionNoOpinion, errors.New("connection refused"), http.StatusServiceUnavailable},
		{"a reader", true, nil, authorizer.DecisionAllow, nil, http.StatusOK},
	} {
		t.Run(c.name, func(t *testing.T) {
			served := false
			g := &guard{
				who: authenticator.RequestFunc(func(*http.Request) (*authenticator.Response, bool, error) {
					return &authenticator.Response{User: &user.DefaultInfo{Name: "u"}}, c.known, c.unknownErr
				}),
				may: authorizer.AuthorizerFunc(func(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
					if a.GetPath() != "/metrics" || a.GetVerb() != "get" || a.GetUser().GetName() != "u" {
						t.Errorf("asked about %+v", a)
					}
					return c.decision, "", c.mayErr
				}),
				log: klog.Background(), handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served = true }),
			}
			answer := httptest.NewRecorder()
			g.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
			if answer.Code != c.want || served != (c.want == http.StatusOK) {
				t.Errorf("answered %d, served %v; want %d", answer.Code, served, c.want)
			}
		})
	}
}
