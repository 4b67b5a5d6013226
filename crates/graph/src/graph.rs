//! Building a graph: nodes, state versions, inputs and outputs.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::error::GraphError;
use crate::op::{Distribution, Full, Op, Random};
use crate::philox;
use crate::plan::{Init, Layout, StateSpec};
use crate::shape::{Dtype, Shape, Type};
use crate::tensor::Tensor;

/// Index of a node; operands have smaller ones.
pub(crate) type NodeId = u32;

#[derive(Clone, Debug)]
pub(crate) enum NodeKind {
    /// Input `n` of the program.
    Input(usize),
    /// The value of state `n` at the start of a step.
    State(usize),
    Op(Op),
}

#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub kind: NodeKind,
    pub operands: Vec<NodeId>,
    pub ty: Type,
    /// Scoped name, for messages.
    pub name: Rc<str>,
}

#[derive(Clone, Debug)]
pub(crate) struct State {
    pub spec: StateSpec,
    pub trainable: bool,
    /// Value at the start of a step.
    pub initial: NodeId,
    /// What the state holds after the step.
    pub current: NodeId,
    /// Every version as uses of its time see it: the initial one, then each value that was assigned, detached.
    pub versions: Vec<NodeId>,
}

impl State {
    /// The version that a use from now on sees.
    pub fn latest(&self) -> NodeId {
        self.versions.last().copied().unwrap_or(self.initial)
    }
}

/// A finished graph: what a step computes. Turn it into a plan with [`plan`](crate::plan()).
#[derive(Clone, Debug, Default)]
pub struct Program {
    pub(crate) name: String,
    pub(crate) nodes: Vec<Node>,
    pub(crate) states: Vec<State>,
    pub(crate) inputs: Vec<(String, NodeId)>,
    pub(crate) outputs: Vec<(String, NodeId)>,
}

impl Program {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Every state that it reads or writes, in the order they were made.
    pub fn states(&self) -> impl Iterator<Item = &StateSpec> {
        self.states.iter().map(|s| &s.spec)
    }

    /// States that gradients are taken for.
    pub fn parameters(&self) -> impl Iterator<Item = &StateSpec> {
        self.states.iter().filter(|s| s.trainable).map(|s| &s.spec)
    }

    /// Names and types of the inputs, in the order they were made.
    pub fn inputs(&self) -> impl Iterator<Item = (&str, &Type)> {
        self.inputs.iter().map(|(name, id)| (name.as_str(), &self.nodes[*id as usize].ty))
    }

    /// That `given` names every input once, `optional` ones left out or not, and nothing else.
    ///
    /// # Errors
    /// Names what is missing and what is not read.
    pub fn check_inputs(&self, given: &[&str], optional: &[&str]) -> Result<(), GraphError> {
        let reads = |name: &str| self.inputs().any(|(n, _)| n == name);
        let missing = self.inputs().map(|(n, _)| n).filter(|n| !given.contains(n) && !optional.contains(n));
        let twice = |at: usize| given[..at].contains(&given[at]);
        let unread = (0..given.len()).filter(|&at| !reads(given[at]) || twice(at)).map(|at| given[at]);
        let (missing, unread): (Vec<String>, Vec<String>) =
            (missing.map(str::to_owned).collect(), unread.map(str::to_owned).collect());
        match missing.is_empty() && unread.is_empty() {
            true => Ok(()),
            false => Err(GraphError::Inputs { program: self.name.clone(), missing, unread }),
        }
    }

    /// Names and types of the outputs, in the order they were made.
    pub fn outputs(&self) -> impl Iterator<Item = (&str, &Type)> {
        self.outputs.iter().map(|(name, id)| (name.as_str(), &self.nodes[*id as usize].ty))
    }
}

/// Where the value of a node comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Source<'a> {
    /// An input, by its name.
    Input(&'a str),
    /// A state, as it is before the step.
    State(&'a StateSpec),
    Op(&'a Op),
}

/// A node of a program.
#[derive(Clone, Copy, Debug)]
pub struct NodeRef<'a> {
    pub source: Source<'a>,
    /// Indices of earlier nodes.
    pub operands: &'a [u32],
    pub ty: &'a Type,
    /// Scoped name.
    pub name: &'a str,
}

impl Program {
    /// All nodes, each behind its operands: for those who write the program in another form.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = NodeRef<'_>> {
        self.nodes.iter().map(|node| NodeRef {
            source: match &node.kind {
                NodeKind::Input(n) => Source::Input(&self.inputs[*n].0),
                NodeKind::State(n) => Source::State(&self.states[*n].spec),
                NodeKind::Op(op) => Source::Op(op),
            },
            operands: &node.operands,
            ty: &node.ty,
            name: &node.name,
        })
    }

    /// Names of the outputs, and the nodes that give them.
    pub fn results(&self) -> impl Iterator<Item = (&str, u32)> {
        self.outputs.iter().map(|(name, id)| (name.as_str(), *id))
    }
}

#[derive(Default)]
struct Building {
    program: Program,
    state_index: BTreeMap<String, usize>,
    /// Names that were claimed, by kind.
    declared: BTreeSet<(&'static str, String)>,
    input_index: BTreeMap<String, NodeId>,
    output_names: BTreeSet<String>,
    /// Names of random streams by their hashes.
    streams: BTreeMap<u32, String>,
    label: Rc<str>,
    error: Option<GraphError>,
}

/// A graph under construction: a handle, cheap to clone.
#[derive(Clone)]
pub struct Graph(Rc<RefCell<Building>>);

/// Restores the label of new nodes when dropped.
pub struct Label {
    graph: Graph,
    before: Rc<str>,
}

impl Drop for Label {
    fn drop(&mut self) {
        self.graph.0.borrow_mut().label = Rc::clone(&self.before);
    }
}

/// How a state was made and how it is asked for, where the two differ in more than the type.
fn conflict(s: &State, init: &Init, layout: Layout, trainable: bool) -> Option<(String, String)> {
    let kind = |trainable: bool| if trainable { "trained" } else { "not trained" };
    if s.trainable != trainable {
        return Some((kind(s.trainable).to_owned(), kind(trainable).to_owned()));
    }
    if s.spec.layout != layout {
        return Some((format!("laid out as {:?}", s.spec.layout), format!("laid out as {layout:?}")));
    }
    match (&s.spec.init, init) {
        (known, asked) if known == asked => None,
        (Init::Given(_), Init::Given(_)) => Some(("given its first values".to_owned(), "given others".to_owned())),
        (known, asked) => Some((known.to_string(), asked.to_string())),
    }
}

impl Graph {
    /// An empty graph; `name` is the program's, for messages.
    pub fn new(name: &str) -> Self {
        let program = Program { name: name.to_owned(), ..Program::default() };
        Graph(Rc::new(RefCell::new(Building { program, ..Building::default() })))
    }

    /// Nodes made while the returned guard lives carry this name.
    #[must_use]
    pub fn label(&self, name: &str) -> Label {
        let before = std::mem::replace(&mut self.0.borrow_mut().label, name.into());
        Label { graph: self.clone(), before }
    }

    pub(crate) fn fail(&self, error: GraphError) {
        self.0.borrow_mut().error.get_or_insert(error);
    }

    fn push(&self, kind: NodeKind, operands: Vec<NodeId>, ty: Type, name: Option<&str>) -> Tensor {
        let mut b = self.0.borrow_mut();
        let name = match (name, &kind) {
            (Some(name), _) => name.into(),
            (None, NodeKind::Op(op)) if b.label.is_empty() => op.stem().into(),
            _ => Rc::clone(&b.label),
        };
        let id = b.program.nodes.len() as NodeId;
        b.program.nodes.push(Node { kind, operands, ty: ty.clone(), name });
        Tensor::new(self.clone(), id, ty)
    }

    /// Adds an op. A wrong use is kept as the graph's error; the result then has the first operand's type.
    pub fn apply(&self, op: impl Into<Op>, operands: &[Tensor]) -> Tensor {
        let op = op.into();
        let types: Vec<Type> = operands.iter().map(Tensor::ty).collect();
        let name = || {
            let label = Rc::clone(&self.0.borrow().label);
            if label.is_empty() { op.stem().to_owned() } else { label.to_string() }
        };
        if operands.iter().any(|t| !Rc::ptr_eq(&t.graph.0, &self.0)) {
            self.fail(GraphError::ForeignTensor { name: name() });
            return self.scalar(f32::NAN);
        }
        let inferred = if types.len() == op.arity() {
            op.infer(&types)
        } else {
            Err(format!("takes {} operands, got {}", op.arity(), types.len()))
        };
        let ty = inferred.unwrap_or_else(|why| {
            self.fail(GraphError::Operands { op: op.stem(), name: name(), why, operands: types.clone() });
            types.first().cloned().unwrap_or_else(|| Type::f32(Shape::scalar()))
        });
        self.push(NodeKind::Op(op), operands.iter().map(|t| t.id).collect(), ty, None)
    }

    /// A constant without axes.
    pub fn scalar(&self, value: f32) -> Tensor {
        self.apply(Full { shape: Shape::scalar(), value: value.into() }, &[])
    }

    /// A constant of a shape.
    pub fn full(&self, shape: impl Into<Shape>, value: f32) -> Tensor {
        self.apply(Full { shape: shape.into(), value: value.into() }, &[])
    }

    /// 0, 1, … n-1 as f32 [n].
    pub fn iota(&self, n: usize) -> Tensor {
        self.apply(crate::op::Iota { n }, &[])
    }

    /// Claims a name for something of a kind, such as an optimiser: claiming it again is an error.
    pub fn declare(&self, what: &'static str, name: &str) {
        if !self.0.borrow_mut().declared.insert((what, name.to_owned())) {
            self.fail(GraphError::Duplicate { what, name: name.to_owned() });
        }
    }

    /// Keeps a mistake that only the caller can see, to be returned by [`Graph::finish`]: the first one counts.
    pub fn refuse(&self, error: GraphError) {
        self.fail(error);
    }

    /// A named input, uploaded each step. The same name gives the same tensor; another type is an error.
    pub fn input(&self, name: &str, ty: Type) -> Tensor {
        let known = {
            let b = self.0.borrow();
            b.input_index.get(name).map(|&id| (id, b.program.nodes[id as usize].ty.clone()))
        };
        if let Some((id, known)) = known {
            if known != ty {
                self.fail(GraphError::Duplicate { what: "input", name: name.to_owned() });
            }
            return Tensor::new(self.clone(), id, known);
        }
        let index = self.0.borrow().program.inputs.len();
        let t = self.push(NodeKind::Input(index), vec![], ty, Some(name));
        let mut b = self.0.borrow_mut();
        b.program.inputs.push((name.to_owned(), t.id));
        b.input_index.insert(name.to_owned(), t.id);
        t
    }

    /// A scalar f32 input: a learning rate, a bias correction, a fade.
    pub fn scalar_input(&self, name: &str) -> Tensor {
        self.input(name, Type::f32(Shape::scalar()))
    }

    /// The latest version of a state, made by its first use. A later use that asks for another type, initial value or layout,
    /// or for a parameter where there is none, is an error that names both.
    pub fn state(&self, name: &str, ty: Type, init: Init, layout: Layout, trainable: bool) -> Tensor {
        let known = {
            let b = self.0.borrow();
            b.state_index.get(name).map(|&n| {
                let s = &b.program.states[n];
                (s.latest(), s.spec.ty.clone(), conflict(s, &init, layout, trainable))
            })
        };
        if let Some((id, known, conflict)) = known {
            if known != ty {
                self.fail(GraphError::StateMismatch { name: name.to_owned(), known: known.clone(), asked: ty });
            } else if let Some((known, asked)) = conflict {
                self.fail(GraphError::StateConflict { name: name.to_owned(), known, asked });
            }
            return Tensor::new(self.clone(), id, known);
        }
        let index = self.0.borrow().program.states.len();
        let t = self.push(NodeKind::State(index), vec![], ty.clone(), Some(name));
        let mut b = self.0.borrow_mut();
        b.state_index.insert(name.to_owned(), index);
        let spec = StateSpec { name: name.to_owned(), ty, init, layout };
        b.program.states.push(State { spec, trainable, initial: t.id, current: t.id, versions: vec![t.id] });
        t
    }

    /// Every version of a state so far, the initial one first; none of a name that is no state. What was computed before an
    /// [`assign`](Graph::assign) depends on an earlier version than what is computed after it.
    pub fn versions(&self, name: &str) -> Vec<Tensor> {
        let b = self.0.borrow();
        let state = b.state_index.get(name).map(|&n| &b.program.states[n]);
        state.map_or_else(Vec::new, |s| s.versions.iter().map(|&id| Tensor::new(self.clone(), id, s.spec.ty.clone())).collect())
    }

    /// Latest versions of the parameters whose names start with `prefix`, in the order they were made.
    pub fn parameters(&self, prefix: &str) -> Vec<(StateSpec, Tensor)> {
        let b = self.0.borrow();
        let chosen = b.program.states.iter().filter(|s| s.trainable && s.spec.name.starts_with(prefix));
        chosen.map(|s| (s.spec.clone(), Tensor::new(self.clone(), s.latest(), s.spec.ty.clone()))).collect()
    }

    /// Latest versions of all states, trained or not, whose names begin with `prefix`, in the order in which they were made.
    pub fn states(&self, prefix: &str) -> Vec<(StateSpec, Tensor)> {
        let b = self.0.borrow();
        let chosen = b.program.states.iter().filter(|s| s.spec.name.starts_with(prefix));
        chosen.map(|s| (s.spec.clone(), Tensor::new(self.clone(), s.latest(), s.spec.ty.clone()))).collect()
    }

    /// Makes `value` the latest version of a state: later uses see it, earlier ones keep theirs, and the state holds it
    /// after the step. Gradients end at a state: none flows from a later use through `value`.
    pub fn assign(&self, name: &str, value: &Tensor) {
        let known = {
            let b = self.0.borrow();
            b.state_index.get(name).map(|&n| (n, b.program.states[n].spec.ty.clone()))
        };
        match known {
            None => self.fail(GraphError::UnknownState { name: name.to_owned() }),
            Some((_, ty)) if ty != value.ty() => {
                self.fail(GraphError::StateMismatch { name: name.to_owned(), known: ty, asked: value.ty() });
            }
            Some((n, _)) => {
                let latest = value.detach().id;
                let state = &mut self.0.borrow_mut().program.states[n];
                state.current = value.id;
                state.versions.push(latest);
            }
        }
    }

    /// Names a result that is read back each step.
    pub fn output(&self, name: &str, value: &Tensor) {
        if !self.0.borrow_mut().output_names.insert(name.to_owned()) {
            return self.fail(GraphError::Duplicate { what: "output", name: name.to_owned() });
        }
        self.0.borrow_mut().program.outputs.push((name.to_owned(), value.id));
    }

    /// Random numbers of this step. `name` chooses the stream and must be new; seed and step are the inputs `seed`
    /// (u32 [2]) and `step` (u32 [1]).
    pub fn random(&self, name: &str, distribution: Distribution, shape: impl Into<Shape>) -> Tensor {
        let stream = philox::stream(name);
        let taken = self.0.borrow_mut().streams.insert(stream, name.to_owned());
        match taken {
            Some(other) if other == name => self.fail(GraphError::Duplicate { what: "random stream", name: name.to_owned() }),
            Some(other) => self.fail(GraphError::StreamCollision { name: name.to_owned(), other }),
            None => {}
        }
        let seed = self.input("seed", Type { shape: [2].into(), dtype: Dtype::U32 });
        let step = self.input("step", Type { shape: [1].into(), dtype: Dtype::U32 });
        let _label = self.label(name);
        self.apply(Random { distribution, shape: shape.into(), stream }, &[seed, step])
    }

    /// A node as the handle of a tensor.
    pub(crate) fn tensor(&self, id: NodeId) -> Tensor {
        let ty = self.0.borrow().program.nodes[id as usize].ty.clone();
        Tensor::new(self.clone(), id, ty)
    }

    pub(crate) fn node(&self, id: NodeId) -> Node {
        self.0.borrow().program.nodes[id as usize].clone()
    }

    /// The program built so far.
    ///
    /// # Errors
    /// The first mistake made while building.
    pub fn finish(&self) -> Result<Program, GraphError> {
        let b = self.0.borrow();
        match &b.error {
            Some(e) => Err(e.clone()),
            None => Ok(b.program.clone()),
        }
    }
}
