{{- define "certyun.admission.name" -}}
{{- include "certyun.fullname" . }}-admission
{{- end -}}

{{/* As certyun.solver.sharedName. */}}
{{- define "certyun.admission.sharedName" -}}
{{ .Release.Namespace }}:{{ include "certyun.admission.name" . }}
{{- end -}}

{{/* The name of a webhook configuration is a DNS name. A namespace's has no dot in it, so no two installs make the same. */}}
{{- define "certyun.admission.configurationName" -}}
{{ .Release.Namespace }}.{{ include "certyun.admission.name" . }}
{{- end -}}

{{- define "certyun.admission.serviceAccountName" -}}
{{- if .Values.admission.serviceAccount.create -}}
{{- default (include "certyun.admission.name" .) .Values.admission.serviceAccount.name -}}
{{- else -}}
{{- required "admission.serviceAccount.name is needed when admission.serviceAccount.create is false" .Values.admission.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* The Secret with the authority that signs the serving certificate. */}}
{{- define "certyun.admission.authoritySecret" -}}
{{- include "certyun.admission.name" . }}-ca
{{- end -}}

{{- define "certyun.admission.selectorLabels" -}}
app.kubernetes.io/name: {{ include "certyun.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: admission
{{- end -}}

{{- define "certyun.admission.labels" -}}
{{ include "certyun.admission.selectorLabels" . }}
{{ include "certyun.labels" . }}
{{- end -}}

{{/* The names of cert-manager's ServiceAccounts, as a JSON list. */}}
{{- define "certyun.certManagerServiceAccounts" -}}
{{- concat (list .Values.certManager.serviceAccountName) (default list .Values.certManager.otherServiceAccountNames) | uniq | toJson -}}
{{- end -}}

{{/*
The users whose requests are not judged, as a JSON list: cert-manager, what deletes for others, and who the values name.
*/}}
{{- define "certyun.admission.exemptUsers" -}}
{{- $users := list -}}
{{- range include "certyun.certManagerServiceAccounts" . | fromJsonArray -}}
{{- $users = append $users (printf "system:serviceaccount:%s:%s" $.Values.certManager.namespace .) -}}
{{- end -}}
{{- $users = concat $users (list "system:serviceaccount:kube-system:generic-garbage-collector" "system:serviceaccount:kube-system:namespace-controller") -}}
{{- concat $users (default list .Values.admission.exemptUsers) | uniq | toJson -}}
{{- end -}}

{{/* The policy as a file. YAML reads a bare `off` as false. */}}
{{- define "certyun.admission.policy" -}}
{{- $policy := merge (deepCopy .Values.admission.policy) (dict "apiVersion" "certyun.internal/v1" "kind" "Policy") -}}
{{- range $rule, $severity := $policy.rules -}}
{{- if kindIs "bool" $severity -}}
{{- $_ := set $policy.rules $rule "off" -}}
{{- end -}}
{{- end -}}
{{- toYaml $policy }}
{{- end -}}

{{/* The CA data as a file. YAML reads a bare `no` as false, which certyun does as well. */}}
{{- define "certyun.admission.caData" -}}
{{- merge (deepCopy .Values.admission.caData) (dict "apiVersion" "certyun.internal/v1" "kind" "CertificateAuthorities") | toYaml }}
{{- end -}}

{{/* What all entries of the webhook configuration have in common. */}}
{{- define "certyun.admission.webhook" -}}
admissionReviewVersions: ["v1"]
sideEffects: None
matchPolicy: Equivalent
timeoutSeconds: {{ int .Values.admission.timeoutSeconds }}
clientConfig:
  service:
    name: {{ include "certyun.admission.name" . }}
    namespace: {{ .Release.Namespace }}
    path: /validate
    port: {{ int .Values.admission.service.port }}
{{- $selector := default dict .Values.admission.namespaceSelector }}
namespaceSelector:
  {{- with $selector.matchLabels }}
  matchLabels:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  matchExpressions:
    {{- if ne (get (default dict .Values.admission.policy) "exemptByLabel" | toString) "false" }}
    - key: cert-manager.io/disable-validation
      operator: NotIn
      values: ["true"]
    - key: certyun.internal/admission
      operator: NotIn
      values: ["off"]
    {{- end }}
    {{- if .Values.admission.exemptOwnNamespaces }}
    - key: kubernetes.io/metadata.name
      operator: NotIn
      values:
        {{- list .Release.Namespace .Values.certManager.namespace | uniq | toYaml | nindent 8 }}
    {{- end }}
    {{- with $selector.matchExpressions }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- with .Values.admission.objectSelector }}
objectSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Conditions in CEL. None of them can end in an error: under failurePolicy Fail an error is a refusal. */}}

{{- define "certyun.admission.condition.user" -}}
- name: user-is-not-exempt
  expression: |-
    !(request.userInfo.username in {{ include "certyun.admission.exemptUsers" . }})
{{- end -}}

{{/* The release's own objects are installed after the webhook configuration and before its server answers. */}}
{{- define "certyun.admission.condition.own" -}}
{{- if .Values.solver.enabled -}}
{{- $solver := include "certyun.solver.name" . -}}
{{- $own := list (printf "%s-selfsigned" $solver) (printf "%s-ca" $solver) (include "certyun.solver.servingSecret" .) -}}
- name: object-is-not-of-this-release
  expression: |-
    !(request.?namespace.orValue("") == {{ .Release.Namespace | quote }} && request.?name.orValue("") in {{ $own | uniq | toJson }})
{{- end }}
{{- end -}}

{{- define "certyun.admission.condition.stays" -}}
- name: object-is-not-being-deleted
  expression: |-
    !has(object.metadata.deletionTimestamp)
{{- end -}}

{{/*
Whether rules read an annotation k. Those under a misspelt cert-manager.io are among them: a slip of the pen leaves one of the two words
as it is.
*/}}
{{- define "certyun.admission.condition.read" -}}
k.matches("(?i)^[^/]*(cert|manager)[^/]*/|^kubernetes[.]io/tls-acme$")
{{- end -}}

{{- define "certyun.admission.condition.changed" -}}
{{- $read := include "certyun.admission.condition.read" . -}}
- name: something-changed-that-is-judged
  expression: |-
    request.operation != "UPDATE"
    || object.?spec != oldObject.?spec
    || object.metadata.?labels.orValue({}) != oldObject.metadata.?labels.orValue({})
    || object.metadata.?annotations.orValue({}).exists(k, {{ $read }} && object.metadata.annotations[?k] != oldObject.metadata.?annotations[?k])
    || oldObject.metadata.?annotations.orValue({}).exists(k, {{ $read }} && !(k in object.metadata.?annotations.orValue({})))
{{- end -}}
