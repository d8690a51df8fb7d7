// Asks what would happen to one request, and shows every decision with the object behind it.
import { type FormEvent, type ReactNode, useState } from 'react';
import type { ExplainResponse, GraphNode } from '../../../src/api/types.ts';
import { useAnswer } from '../use-answer.ts';
import { DecisionChain } from './decision-chain.tsx';

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];

export function ExplainView({ nodes }: { nodes: readonly GraphNode[] }): ReactNode {
  const [path, setPath] = useState<string | null>(null);
  const { value, error } = useAnswer<ExplainResponse>(path);
  const workloads = nodes.filter(({ kind }) => kind === 'workload' || kind === 'gateway');
  return (
    <section className="page explain" aria-label="Explain">
      <h1>Explain a request</h1>
      <p className="hint">What the mesh would do with it, decided by the code the proxies run. Nothing is sent.</p>
      <QuestionForm workloads={workloads} ask={setPath} />
      {error !== '' && (
        <p role="alert" className="error">
          {error}
        </p>
      )}
      {value !== null && <DecisionChain answer={value} />}
    </section>
  );
}

function QuestionForm({ workloads, ask }: { workloads: readonly GraphNode[]; ask: (path: string) => void }): ReactNode {
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    ask(pathOf(new FormData(event.currentTarget)));
  };
  return (
    <form onSubmit={submit}>
      <label>
        From
        <select name="from" required>
          {workloads.map(({ id }) => (
            <option key={id}>{id}</option>
          ))}
        </select>
      </label>
      <label>
        Method
        <select name="method">
          {METHODS.map((method) => (
            <option key={method}>{method}</option>
          ))}
        </select>
      </label>
      <label className="wide">
        To
        <input name="to" required placeholder="http://catalog/items" defaultValue="http://" spellCheck={false} />
      </label>
      <label className="wide">
        Headers, one per line
        <textarea name="headers" rows={2} placeholder="x-user: jane" spellCheck={false} />
      </label>
      <button type="submit">Explain</button>
    </form>
  );
}

function pathOf(form: FormData): string {
  const field = (name: string): string => String(form.get(name) ?? '').trim();
  const query = new URLSearchParams({ from: field('from'), to: field('to'), method: field('method') });
  for (const header of field('headers').split('\n')) if (header.trim() !== '') query.append('header', header);
  return `explain?${query}`;
}
