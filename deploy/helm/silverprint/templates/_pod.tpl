{{- define "silverprint.labels" -}}
app.kubernetes.io/part-of: silverprint
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "silverprint.selector" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{- define "silverprint.image" -}}
{{ .root.Values.image.repository }}/{{ .name }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}
{{- end }}

{{- define "silverprint.settings" -}}
{{- range $name, $value := . }}
- { name: SILVERPRINT_{{ $name }}, value: {{ $value | quote }} }
{{- end }}
{{- end }}

{{- define "silverprint.database" -}}
- name: PGPASSWORD
  valueFrom: { secretKeyRef: { name: {{ .Values.secret }}, key: database-password } }
{{- end }}

{{- define "silverprint.token" -}}
- name: SILVERPRINT_TOKEN
  valueFrom: { secretKeyRef: { name: {{ .Values.secret }}, key: token } }
{{- end }}

{{- define "silverprint.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
fsGroup: 10001
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "silverprint.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{- define "silverprint.queueAddress" -}}
{{ .Release.Name }}-queue:8190
{{- end }}

{{- define "silverprint.filesAddress" -}}
{{ .Release.Name }}-files:8191
{{- end }}
