{{ config(
    severity='error',
    meta={
        'code': 'HOUSE-POPULATION-02',
        'dimension': 'consistency',
        'subject': 'population_members',
        'guards': 'On the cut-off every state is a State Party or not, never both, and obligations are those of States Parties.',
        'sentence': 'The populations contradict each other: this is a defect of the program.',
    },
) }}

with

members as (
    select
        reporting_year,
        member_key,
        max(case when population = 'all_states' then 1 else 0 end) as is_state,
        max(case when population = 'states_parties' then 1 else 0 end) as is_party,
        max(case when population = 'states_not_party' then 1 else 0 end) as is_not_party,
        max(
            case
                when population in ('all_states', 'states_parties', 'states_not_party') then 0
                else 1
            end
        ) as has_obligation
    from {{ ref('population_members') }}
    where member_kind = 'state'
    group by reporting_year, member_key
)

select *
from members
where
    is_state <> 1
    or is_party + is_not_party <> 1
    or (has_obligation = 1 and is_party = 0)
