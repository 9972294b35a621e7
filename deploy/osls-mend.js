"use strict";

// A plugin of our own for osls, listed after serverless-scaleway-functions in serverless.yml. It mends five faults
// of that plugin's version 0.5.0, the newest there is. Every one of them is covered by local/deploy/osls_test.go,
// which runs the real tools: a new version of the plugin shows there which mends it still needs.

const https = require("node:https");
const secrets = require("serverless-scaleway-functions/shared/secrets");

// What stands in the place of a secret that a deployment keeps (local/deploy/ownkey.go).
const KEPT = "00000000-0000-0000-0000-000000000000";

class OslsMend {
  constructor(serverless) {
    this.service = serverless.service;
    const plugins = serverless.pluginManager.plugins;
    for (const { apiManager } of plugins) {
      if (apiManager) mendClient(apiManager);
    }
    this.deploy = plugins.find((plugin) => plugin.deployTriggers);
    if (!this.deploy || !this.deploy.apiManager) {
      throw new Error("deploy/osls-mend.js does not know this version of serverless-scaleway-functions");
    }
    awaitTriggers(this.deploy);
    keepSecret(process.env.ROTATOR_DEPLOY_KEEPS);
    this.hooks = { "before:deploy:deploy": () => this.leaveNamespaceAlone() };
  }

  // The plugin PATCHes the namespace on every deploy, with empty maps where serverless.yml has none: variables and
  // secrets that others set on the namespace would be lost, and the namespace leaves "ready" just before its triggers
  // are made.
  leaveNamespaceAlone() {
    if (!this.service.provider.env) this.deploy.namespaceVariables = undefined;
    if (!this.service.provider.secret) this.deploy.namespaceSecretVariables = undefined;
  }
}

// The plugin does not verify whom it gives the secret key to; an error it prints holds the request, key included; and
// a refusal without a message (a gateway's HTML page) counts as success.
function mendClient(apiManager) {
  apiManager.interceptors.request.use((config) => {
    if (JSON.stringify(config.data || "").includes(KEPT)) {
      throw new Error(`${(config.method || "").toUpperCase()} ${config.url}: not sent: it would set a secret that is to be kept`);
    }
    return config;
  });
  apiManager.defaults.httpsAgent = new https.Agent({ rejectUnauthorized: true });
  apiManager.interceptors.response.use(undefined, (err) => {
    const { status, data } = err.response || {};
    const { method = "", url = "" } = err.config || {};
    const said = (data && (data.message || data.error_message)) || err.message;
    const mended = new Error(`${method.toUpperCase()} ${url}: ${said}`);
    mended.response = { status, data: { ...(Object(data) === data && data), message: mended.message } };
    return Promise.reject(mended);
  });
}

// The plugin overwrites a secret that the function has given itself since, and deletes one that is not named. The one
// that is kept is neither sent nor deleted.
function keepSecret(name) {
  if (!name) return;
  const merge = secrets.mergeSecretEnvVars;
  const others = (list) => (list || []).filter((secret) => secret.key !== name);
  secrets.mergeSecretEnvVars = function (existing, wanted, logger) {
    return merge.call(secrets, others(existing), others(wanted), logger);
  };
}

// The plugin waits neither for the old crons to go nor for the new ones to come: a failure there ends as an unhandled
// rejection, and as no cron at all, or two.
function awaitTriggers(deploy) {
  const started = [];
  for (const name of ["createCronTrigger", "deleteCronTrigger"]) {
    const call = deploy[name];
    deploy[name] = (...args) => {
      const done = call.apply(deploy, args);
      done.catch(() => {}); // reported below, where it is awaited
      started.push(done);
      return done;
    };
  }
  for (const name of ["deletePreviousTriggersForApplication", "deployTriggers"]) {
    const call = deploy[name];
    deploy[name] = (...args) => call.apply(deploy, args).then(() => Promise.all(started));
  }
}

module.exports = OslsMend;
